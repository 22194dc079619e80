/** The doors of one home: the owner's, the agent's, and in hardened mode the one that the agent's user shares. */
import { lstatSync } from "node:fs"
import { basename, join } from "node:path"
import { SentoError } from "../../protocol/errors.ts"
import type { Config } from "../../store/config.ts"
import type { Paths } from "../../store/paths.ts"
import { findUser } from "../../store/users.ts"
import { type DoorOptions, openDoor } from "./server.ts"
import { sharedFolderFault } from "./shared-folder.ts"

type Parts = Required<Pick<DoorOptions, "handle" | "distrusted" | "others" | "onError" | "isOver">> & {
  /** At the shared door: takes the agent's hands on; null in plain mode. */
  readonly hands: DoorOptions["hands"] | null
  readonly refused: (reason: string, from: string) => void
  /** Called when the agent's door is gone: a Guardian behind it can be reached by nobody. */
  readonly onGone: () => void
}

const watchMilliseconds = 2000

/**
 * Opens them all. Only to be called under the lock.
 * @throws config where the shared door's directory does not keep others out
 */
export function openDoors(
  paths: Paths,
  hardened: Config["hardened"],
  { hands, refused, onGone, ...parts }: Parts,
): { close(): void } {
  const own = { ...parts, guests: { uids: null, refused } }
  const doors = [
    openDoor({ ...own, path: paths.ownerSocket, door: "owner" }),
    openDoor({ ...own, path: paths.agentSocket, door: "agent" }),
    ...sharedDoors(paths, hardened).map(({ path, uids }) => {
      const shared = { ...parts, path, door: "agent", guests: { uids, refused } } as const
      return openDoor(hands === null ? shared : { ...shared, hands })
    }),
  ]
  const watching = watchDoor(paths.agentSocket, onGone)
  return {
    close() {
      clearInterval(watching)
      for (const door of doors) door.close()
    },
  }
}

/** In hardened mode the agent's user has a door of its own, in a directory whose group is that user's. */
function sharedDoors(
  { agentSocket }: Paths,
  hardened: Config["hardened"],
): { path: string; uids: ReadonlySet<number> }[] {
  if (hardened === undefined) return []
  const own = process.getuid?.() ?? -1
  const wrong = sharedFolderFault(hardened.folder, hardened.user, own)
  if (wrong !== null)
    throw new SentoError("config", `${hardened.folder} ${wrong}`, "see the steps of `sento init --hardened`")
  const uids = [own, findUser(hardened.user)?.uid ?? own]
  return [{ path: join(hardened.folder, basename(agentSocket)), uids: new Set(uids) }]
}

function watchDoor(path: string, onGone: () => void): ReturnType<typeof setInterval> {
  const inode = lstatSync(path).ino
  return setInterval(() => {
    if (lstatSync(path, { throwIfNoEntry: false })?.ino !== inode) onGone()
  }, watchMilliseconds)
}
