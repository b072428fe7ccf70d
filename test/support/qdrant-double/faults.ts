/** What the double does wrong, from the next request on. Set a field, take it away again with `delete` or `clearFaults`. */
export interface Faults {
  /** Ends every connection at once. */
  refuse?: boolean
  /** Waits so long before it does anything, in ms. */
  delayMs?: number
  /** Answers with this status and does nothing. `retryAfter` in seconds, no header without it. */
  status?: { readonly code: number; readonly retryAfter?: number | string }
  /** Does what was asked, then cuts the connection instead of answering. */
  loseAnswer?: boolean
  /**
   * Keeps writes of points back until `applyLate()`: with `wait=true` the answer says `wait_timeout`. Together with
   * `loseAnswer`: a request whose client has given up and which is done later all the same.
   */
  lateApply?: boolean
  /** Says this version and behaves like it: below 1.16 `update_filter` and `update_mode` are ignored in silence. */
  forgetVersion?: string
  /** Collections stay yellow with nothing indexed. */
  optimizing?: boolean
  /** Restricts `refuse`, `delayMs`, `status`, `loseAnswer` and `lateApply` to some requests. */
  only?: (request: { readonly method: string; readonly path: string }) => boolean
  /** How many more requests the restricted faults meet; without it all. */
  times?: number
}

export function clearFaults(faults: Faults): void {
  for (const key of Object.keys(faults)) delete faults[key as keyof Faults]
}

/** The faults that this request meets. */
export function faultsFor(faults: Faults, method: string, path: string): Faults {
  const always: Faults = {
    ...(faults.forgetVersion !== undefined && { forgetVersion: faults.forgetVersion }),
    ...(faults.optimizing !== undefined && { optimizing: faults.optimizing }),
  }
  const any = faults.refuse || faults.delayMs || faults.status || faults.loseAnswer || faults.lateApply
  if (!any || (faults.only && !faults.only({ method, path }))) return always
  if (faults.times !== undefined) {
    if (faults.times <= 0) return always
    faults.times--
  }
  return { ...faults }
}
