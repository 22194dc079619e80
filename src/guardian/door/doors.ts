/** The doors of one home: the owner's, the agent's, and in hardened mode the one that the agent's user shares. */
import { lstatSync, watch } from "node:fs"
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

/**
 * Opens them all. Only to be called under the lock. `look` sees whether the agent's door is still there, which by itself
 * is seen as it is removed, but not as a folder above it is renamed.
 * @throws config where the shared door's directory does not keep others out
 */
export function openDoors(
  paths: Paths,
  hardened: Config["hardened"],
  { hands, refused, onGone, ...parts }: Parts,
): { look(): void; close(): void } {
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
    look: watching.look,
    close() {
      watching.stop()
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

/** The socket alone is watched, not its folder: connections and the files beside it wake nobody. */
function watchDoor(path: string, onGone: () => void): { look(): void; stop(): void } {
  const inode = lstatSync(path).ino
  const look = (): void => {
    if (lstatSync(path, { throwIfNoEntry: false })?.ino !== inode) onGone()
  }
  try {
    const watcher = watch(path, { persistent: false }, look)
    watcher.on("error", look)
    return { look, stop: () => watcher.close() }
  } catch {
    // The system allows a user so many watches (inotify(7)).
    return { look, stop: () => {} }
  }
}
