import { expect, test } from "bun:test"
import { optionsFirst } from "../../src/commands/text-arguments.ts"

test.each([
  ["a name and a text", ["kai", "hello"], [], ["kai", "hello"]],
  ["a list", ["kai", "- two\n- three"], [], ["kai", "- two\n- three"]],
  ["a list before an option", ["kai", "- two", "--wait"], ["--wait"], ["kai", "- two"]],
  ["a text that begins like an option", ["kai", "--json is broken"], [], ["kai", "--json is broken"]],
  ["stdin", ["kai", "-", "--json"], ["--json"], ["kai", "-"]],
  ["an option that is none", ["kai", "-x"], ["-x"], ["kai"]],
  ["a dash behind the end of the options", ["kai", "--", "-x", "--"], [], ["kai", "-x", "--"]],
  ["a wait behind the text", ["kai", "hello", "--wait"], ["--wait"], ["kai", "hello"]],
  ["a wait with its seconds", ["--wait", "2.5", "kai", "hello"], ["--wait", "2.5"], ["kai", "hello"]],
  ["a wait before the name", ["--wait", "kai", "hello"], ["--wait"], ["kai", "hello"]],
  ["a wait before the text", ["kai", "--wait", "3 questions"], ["--wait"], ["kai", "3 questions"]],
  ["a wait before a list", ["kai", "--wait", "- hello"], ["--wait"], ["kai", "- hello"]],
  ["seconds that are none", ["kai", "hello", "--wait", "30s"], ["--wait", "30s"], ["kai", "hello"]],
  ["what it answers", ["kai", "--reply-to", "k7q2", "hello"], ["--reply-to", "k7q2"], ["kai", "hello"]],
  ["what it answers, missing", ["kai", "--reply-to"], ["--reply-to"], ["kai"]],
] as const)("%s", (_, words, options, rest) =>
  expect(optionsFirst(words)).toEqual([...options, "--", ...rest]),
)
