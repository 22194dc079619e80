/** What build this is; the build replaces the two variables, from source they are absent. */
export const version = process.env.SENTO_BUILD_VERSION ?? "0.0.0-source"
export const commit = process.env.SENTO_BUILD_COMMIT ?? "unknown"
