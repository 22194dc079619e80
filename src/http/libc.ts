/** The few calls of the C library that Bun has no words for. */
import { dlopen, type FFIFunction } from "bun:ffi"

const names = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`]

/** glibc's or musl's, with these functions. @throws Error where neither can be loaded */
export function openLibC<const Functions extends Record<string, FFIFunction>>(functions: Functions) {
  for (const name of names) {
    try {
      return dlopen(name, functions).symbols
    } catch {}
  }
  throw new Error(`none of ${names.join(", ")} can be loaded`)
}
