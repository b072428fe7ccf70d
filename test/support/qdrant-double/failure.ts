/** An answer that is not a success: Qdrant's status and its wording. */
export class QdrantFailure extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'QdrantFailure'
    this.status = status
  }
}

export const badFormat = (what: string) => new QdrantFailure(400, `Format error in JSON body: ${what}`)
export const wrongInput = (what: string) => new QdrantFailure(400, `Wrong input: ${what}`)
export const badRequest = (what: string) => new QdrantFailure(400, `Bad request: ${what}`)
export const invalid = (what: string) => new QdrantFailure(422, `Validation error in JSON body: [${what}]`)
export const notFound = (what: string) => new QdrantFailure(404, `Not found: ${what}`)
