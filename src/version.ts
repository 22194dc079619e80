/** What build this is; the build replaces the two variables, from source they are absent. */
export const sourceVersion = "0.0.0-source"
export const version = process.env.SENTO_BUILD_VERSION ?? sourceVersion
export const commit = process.env.SENTO_BUILD_COMMIT ?? "unknown"
