/** The package's version, kept equal to package.json by `npm run imports`. */
export const version = '0.1.0'
