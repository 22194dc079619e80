/**
 * A real systemd of a user's, in namespaces of its own: `systemd --user` as it runs beside a login, on its own /run and
 * cgroups. A script that is run inside may end it and start it again, as a machine does.
 */
import { existsSync } from "node:fs"

const systemd = ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"].find(path => existsSync(path))

const setUp = `
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system /run/user/0 && chmod 700 /run/user/0
umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup
ip link set lo up
`

const inside = (lines: string): string[] => [
  "unshare",
  "-m",
  "-n",
  "--pid",
  "--fork",
  "--mount-proc",
  "sh",
  "-ec",
  lines,
]

/** Whether one can be started here; where not, such a test is skipped. */
export const hasSystemd =
  systemd !== undefined &&
  process.getuid?.() === 0 &&
  Bun.spawnSync(inside(setUp), { stdout: "ignore", stderr: "ignore" }).exitCode === 0

/** Runs a script there. @param script - a path from test/ @returns the JSON that it printed */
export async function runWithSystemd(script: string, home: string): Promise<unknown> {
  const path = new URL(`../${script}`, import.meta.url).pathname
  const env = { ...process.env, HOME: home, XDG_RUNTIME_DIR: "/run/user/0", SYSTEMD: systemd ?? "" }
  const child = Bun.spawn([...inside(`${setUp}\nexec "$0" "$1"`), process.execPath, path], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  })
  const [text, errors] = await Promise.all([child.stdout.text(), child.stderr.text()])
  if ((await child.exited) !== 0) throw new Error(`${script} ended with ${child.exitCode}: ${errors}`)
  return JSON.parse(text)
}
