import type { TcpProxy } from '../support/tcp-proxy'

export interface NetworkFault {
  readonly how: string
  readonly begin: (proxy: TcpProxy) => void
  /** What a call with a deadline of its own gets while it lasts, without retries. */
  readonly code: 'HW_UNAVAILABLE' | 'HW_TIMEOUT'
}

export const networkFaults: readonly NetworkFault[] = [
  { how: 'refuses', begin: (proxy) => proxy.refuse(), code: 'HW_UNAVAILABLE' },
  { how: 'resets', begin: (proxy) => proxy.reset(), code: 'HW_UNAVAILABLE' },
  { how: 'stalls', begin: (proxy) => proxy.stall(), code: 'HW_TIMEOUT' },
  {
    how: 'truncates',
    begin: (proxy) => {
      // Of HTTP the body loses its end; of the others the first answer of several in one packet is cut.
      proxy.onResponse = (bytes) => (bytes.includes('HTTP/1.1') ? bytes.length - 12 : 40)
    },
    code: 'HW_UNAVAILABLE',
  },
  { how: 'slows', begin: (proxy) => proxy.slow(1, 40), code: 'HW_TIMEOUT' },
]
