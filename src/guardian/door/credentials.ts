/** Who is at the other end of a unix socket, as the kernel noted it. Loads little: every command does. */
import { FFIType, ptr } from "bun:ffi"
import { openLibC } from "../../http/libc.ts"

/** SOL_SOCKET and SO_PEERCRED of Linux (socket(7)); `struct ucred` is pid, uid, gid (unix(7)). */
const solSocket = 1
const soPeerCredentials = 17
const credentialBytes = 12

/** Not in Bun's types (1.4.5). */
export const fileDescriptor = (socket: object): number => (socket as { readonly fd: number }).fd

let libc: ReturnType<typeof openSockets> | null = null

/** The pid at the other end of a unix socket, as the kernel noted it. */
export function peerPid(descriptor: number): number {
  const { pid } = peerOf(descriptor)
  if (pid <= 0) throw new Error(`the other end has pid ${pid}`)
  return pid
}

/** The process at the other end of a unix socket, and its user as it connected or began to listen. */
export function peerOf(descriptor: number): { readonly pid: number; readonly uid: number } {
  libc ??= openSockets()
  const credentials = new Int32Array(3)
  const length = new Uint32Array([credentialBytes])
  const status = libc.getsockopt(descriptor, solSocket, soPeerCredentials, ptr(credentials), ptr(length))
  const [pid = 0, uid = -1] = credentials
  if (status !== 0) throw new Error(`getsockopt gave ${status}`)
  return { pid, uid: uid >>> 0 }
}

function openSockets() {
  const { i32, ptr: pointer } = FFIType
  return openLibC({ getsockopt: { args: [i32, i32, i32, pointer, pointer], returns: i32 } })
}
