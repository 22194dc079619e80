/** No file with the keys in it where the Guardian crashes. */
import { FFIType, ptr } from "bun:ffi"
import { openLibC } from "../http/libc.ts"

/** RLIMIT_CORE of Linux (getrlimit(2)). */
const rlimitCore = 4

/**
 * Whether there will be none. Tells the kernel to write no core dump of this process. The limit is one byte and not none: a dump into a
 * program, as systemd's, is made whatever the limit, but for a limit of 1 (core(5), fs/coredump.c).
 */
export function forbidCoreDumps(): boolean {
  try {
    const libc = openLibC({ setrlimit: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 } })
    return libc.setrlimit(rlimitCore, ptr(new BigUint64Array([1n, 1n]))) === 0
  } catch {
    return false
  }
}
