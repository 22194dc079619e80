/** Two listeners with few descriptors: whether each is shut to newcomers while hardly any is left, twice, as JSON. */
import { FFIType, ptr } from "bun:ffi"
import { connect } from "node:net"
import { openLibC } from "../../../src/http/libc.ts"
import { listen } from "../../../src/http/listener.ts"
import { descriptors, sockets } from "../../../src/http/sockets.ts"

const { i32, ptr: pointer } = FFIType
const { getsockopt } = openLibC({
  getsockopt: { args: [i32, i32, i32, pointer, pointer], returns: i32 },
})
/** SOL_SOCKET and SO_GET_FILTER of Linux: the length is how many instructions are attached. */
function isShut(descriptor: number): boolean {
  const length = new Uint32Array([0])
  getsockopt(descriptor, 1, 26, ptr(new Uint8Array(8)), ptr(length))
  return length[0] !== 0
}

const hosts = ["127.0.0.1", "127.77.0.2"]
const listener = listen({
  ...{ hosts, preferredPort: 0, names: [], handlers: {} },
  onRefused: () => {},
  onError: error => {
    throw error
  },
})
const { own, isListening } = sockets()
const gates = descriptors().filter(one => isListening(one) && own(one)?.port === listener.port)
const states = (): boolean[] => gates.map(isShut)
const seen = [states()]
async function until(want: boolean): Promise<void> {
  const deadline = performance.now() + 60_000
  while (states().includes(!want) && performance.now() < deadline) await Bun.sleep(10)
  seen.push(states())
}

/** Both ends are here: 224 of 256 is where the listeners are shut. A second crowd finds nobody that looks by the clock. */
for (const _ of ["first", "second"]) {
  const crowd = Array.from({ length: 114 }, (_, i) => connect(listener.port, hosts[i % 2]))
  for (const one of crowd) one.on("error", () => {}).on("connect", () => one.write("POST"))
  await until(true)
  for (const one of crowd) one.destroy()
  await until(false)
}
process.stdout.write(JSON.stringify(seen))
process.exit()
