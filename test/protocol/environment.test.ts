/** What is let through of an environment: a list, because nobody can list what is not. */
import { expect, test } from "bun:test"
import { guardianEnvironment, tmuxEnvironment } from "../../src/protocol/environment.ts"

const basic = {
  PATH: "/bin",
  HOME: "/home/mira",
  LANG: "C",
  LC_ALL: "C",
  TMUX_TMPDIR: "/t",
  SENTO_HOME: "/s",
}
const desktop = {
  DISPLAY: ":0",
  WAYLAND_DISPLAY: "wayland-0",
  XDG_RUNTIME_DIR: "/run/user/1",
  DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/bus",
}
const others = {
  BUN_INSPECT: "1",
  BUN_CONFIG_VERBOSE_FETCH: "curl",
  LD_PRELOAD: "/evil.so",
  NODE_OPTIONS: "--inspect",
  SSH_AUTH_SOCK: "/agent",
  AWS_SECRET_ACCESS_KEY: "secret",
  MY_PATH: "/evil",
  PATHS: "/evil",
  XDG_RUNTIME_DIR_: "/evil",
  TMUX: "/tmux,1,0",
}

test("of the Guardian: the basic ones, and those of the desktop for `notify`", () =>
  expect(guardianEnvironment({ ...basic, ...desktop, ...others })).toEqual({ ...basic, ...desktop }))

test("of tmux, whose server hands them on: the basic ones alone", () =>
  expect(tmuxEnvironment({ ...basic, ...desktop, ...others })).toEqual(basic))

test("one that is not set stays so", () =>
  expect(guardianEnvironment({ PATH: undefined, LANG: "" })).toStrictEqual({ LANG: "" }))
