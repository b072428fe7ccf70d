/** headwater and what it loads stay packages of the server; without it the build must pass, too. */
export default process.env.EXTERNAL === '1' ? { serverExternalPackages: ['headwater'] } : {}
