import { flag, group, type OptionKinds, pem, text } from '../core/option-kinds'

/** TLS towards a server over HTTPS. Certificates and keys as PEM. */
export interface TlsOptions {
  /** Certificate authorities to trust instead of the system's. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined
  /** Client certificate, with `key`. */
  readonly cert?: string | Buffer | undefined
  readonly key?: string | Buffer | undefined
  /** Name to expect in the server's certificate, where it is not the host of the URL. */
  readonly serverName?: string | undefined
  /** False takes any certificate: for development alone. */
  readonly verify?: boolean | undefined
}

export const tls = group({
  ca: pem,
  cert: pem,
  key: pem,
  serverName: text(255),
  verify: flag,
} satisfies OptionKinds<TlsOptions>)
