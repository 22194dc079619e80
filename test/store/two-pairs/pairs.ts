/** What is known of a pair beside its keys, its turns, and what is asked in a chat. */
import { noTurn, type TurnState } from "../../../src/protocol/turns.ts"
import { type Cases, day, minute, now } from "./fixture.ts"

const aRow = {
  ...{ last_contact_at: null, must_appear_by: null },
  ...{ paused_until: null, pause_reason: null, hop_limit: null },
}
const pauseOf = (place: number) => ({ until: now + minute + place, reason: "owner" })

export const pairCases: Cases = {
  "peers.pause": [
    {
      does: "this pair's messages",
      act: ({ peers }) => peers.pause("kai", { until: null, reason: "loop" }),
      changes: { peers: { kai: { paused_until: null, pause_reason: "loop" } } },
    },
    {
      does: "those of a pair of which nothing is known",
      act: ({ peers }) => peers.pause("noa", { until: 7, reason: "owner" }),
      changes: { peers: { "+noa": { ...aRow, pair: "noa", paused_until: 7, pause_reason: "owner" } } },
    },
  ],
  "peers.resume": [
    {
      does: "this pair",
      act: ({ peers }) => peers.resume("kai"),
      changes: { peers: { kai: { paused_until: null, pause_reason: null } } },
    },
  ],
  "peers.pauseOf": [
    {
      does: "this pair's alone",
      given: "UPDATE peers SET pause_reason = NULL WHERE pair = 'kai'",
      act: ({ peers }) => [peers.pauseOf("kai", now), peers.pauseOf("lia", now)],
      gives: [null, pauseOf(0)],
    },
  ],
  "peers.pauses": [
    {
      does: "by pair, those that are not over",
      act: ({ peers }) => [...peers.pauses(now + minute)],
      gives: [["kai", pauseOf(1)]],
    },
  ],
  "peers.nextPauseEnd": [
    {
      does: "the first that is to come, of one that is paused",
      act: ({ peers }) => [now, now + minute, now + minute + 1].map(peers.nextPauseEnd),
      gives: [now + minute, now + minute + 1, null],
    },
    {
      does: "none of a time without a pause",
      given: "UPDATE peers SET pause_reason = NULL WHERE pair = 'lia'",
      act: ({ peers }) => peers.nextPauseEnd(now),
      gives: now + minute + 1,
    },
  ],
  "peers.hopLimit": [
    {
      does: "this pair's own",
      act: ({ peers }) => ["lia", "kai", "noa"].map(peers.hopLimit),
      gives: [40, 41, null],
    },
  ],
  "peers.setHopLimit": [
    {
      does: "this pair's own",
      act: ({ peers }) => peers.setHopLimit("kai", 7),
      changes: { peers: { kai: { hop_limit: 7 } } },
    },
  ],
  "peers.add": [
    {
      does: "a pair that must appear",
      act: ({ peers }) => peers.add("noa", now),
      changes: { peers: { "+noa": { ...aRow, pair: "noa", must_appear_by: now } } },
    },
    { does: "nothing over what is known", act: ({ peers }) => peers.add("kai", null) },
  ],
  "peers.touch": [
    {
      does: "the pair that was heard",
      act: ({ peers }) => peers.touch("kai", now),
      changes: { peers: { kai: { last_contact_at: now, must_appear_by: null } } },
    },
    {
      does: "one of which nothing was known",
      act: ({ peers }) => peers.touch("noa", now),
      changes: { peers: { "+noa": { ...aRow, pair: "noa", last_contact_at: now } } },
    },
  ],
  "peers.forget": [
    { does: "this pair", act: ({ peers }) => peers.forget("kai"), changes: { peers: { kai: null } } },
  ],
  "peers.lastContacts": [
    {
      does: "by pair",
      given: "UPDATE peers SET last_contact_at = 7 WHERE pair = 'kai'",
      act: ({ peers }) => [...peers.lastContacts()].sort(),
      gives: [
        ["kai", 7],
        ["lia", null],
      ],
    },
  ],
  "peers.overdue": [
    {
      does: "those from which nothing came, a millisecond too late",
      act: ({ peers }) => [now, now + 1, now + 2].map(at => peers.overdue(at).sort()),
      gives: [[], ["lia"], ["kai", "lia"]],
    },
    {
      does: "none that need not appear",
      given: "UPDATE peers SET must_appear_by = NULL WHERE pair = 'lia'",
      act: ({ peers }) => peers.overdue(now + day),
      gives: ["kai"],
    },
  ],
  "peers.revoke": [
    {
      does: "this pair",
      act: ({ peers }) => peers.revoke("kai", "Kai", true, "{}", now),
      changes: {
        revoked: { "+kai": { pair: "kai", name: "Kai", by_us: 1, at: now, unpair: "{}", is_cleared: 0 } },
      },
    },
    {
      does: "one that the other side ended",
      act: ({ peers }) => peers.revoke("kai", "Kai", false, null, now),
      changes: {
        revoked: { "+kai": { pair: "kai", name: "Kai", by_us: 0, at: now, unpair: null, is_cleared: 0 } },
      },
    },
    { does: "none anew", act: ({ peers }) => peers.revoke("old kai", "Kai", true, null, now) },
  ],
  "peers.told": [
    {
      does: "this pair: its last key goes",
      act: ({ peers }) => peers.told("old kai"),
      changes: { revoked: { "old kai": { unpair: null } } },
    },
  ],
  "peers.untold": [
    {
      does: "those whose other side does not know",
      given: "UPDATE revoked SET unpair = NULL WHERE pair = 'old lia'",
      act: ({ peers }) => peers.untold(),
      gives: [{ pair: "old kai", name: "kai", unpair: '{"of":"kai"}', at: now - day + 1 }],
    },
  ],
  "peers.untoldOf": [
    {
      does: "this pair's alone",
      given: "UPDATE revoked SET unpair = NULL WHERE pair = 'old kai'",
      act: ({ peers }) => [peers.untoldOf("old kai"), peers.untoldOf("old lia"), peers.untoldOf("kai")],
      gives: [null, { pair: "old lia", name: "lia", unpair: '{"of":"lia"}', at: now - day }, null],
    },
  ],
  "peers.clear": [
    {
      does: "the ends of one name, once",
      act: ({ peers }) => [peers.clear("kai"), peers.clear("kai"), peers.clear("noa")],
      gives: [1, 0, 0],
      changes: { revoked: { "old kai": { is_cleared: 1 } } },
    },
    {
      does: "of all",
      act: ({ peers }) => peers.clear(null),
      gives: 2,
      changes: { revoked: { "old kai": { is_cleared: 1 }, "old lia": { is_cleared: 1 } } },
    },
  ],
  "peers.revocations": [
    {
      does: "the latest first",
      act: ({ peers }) => peers.revocations(),
      gives: [
        { pair: "old kai", name: "kai", byUs: false, at: now - day + 1, isCleared: false },
        { pair: "old lia", name: "lia", byUs: true, at: now - day, isCleared: false },
      ],
    },
  ],
}

const turn = (...ids: string[]): TurnState => ({
  open: { turn: "7", own: { ids, hasOthers: false }, queued: noTurn.left, isAsked: true },
  left: noTurn.left,
})
const ofFixture = (pair: string): TurnState => ({
  open: {
    turn: null,
    own: { ids: [`short ${pair}`], hasOthers: false },
    queued: noTurn.left,
    isAsked: false,
  },
  left: noTurn.left,
})

export const turnCases: Cases = {
  "turns.of": [
    {
      does: "this session's",
      act: ({ turns }) => ["kai", "lia", "none"].map(turns.of),
      gives: [ofFixture("kai"), ofFixture("lia"), noTurn],
    },
  ],
  "turns.all": [
    {
      does: "the one that was quiet for longest first",
      given: `UPDATE turns SET at = ${now} WHERE session = 'lia'`,
      act: ({ turns }) => turns.all(),
      gives: [
        { session: "kai", state: ofFixture("kai"), at: now - minute + 1 },
        { session: "lia", state: ofFixture("lia"), at: now },
      ],
    },
  ],
  "turns.waiting": [
    {
      does: "sessions in which a message waits",
      given: `UPDATE turns SET state = '${JSON.stringify(turn())}' WHERE session = 'lia'`,
      act: ({ turns }) => turns.waiting(),
      gives: ["kai"],
    },
  ],
  "turns.put": [
    {
      does: "this session's",
      act: ({ turns }) => turns.put("kai", turn("a"), now),
      changes: { turns: { kai: { state: JSON.stringify(turn("a")), at: now } } },
    },
    {
      does: "away, where it is nothing any more",
      act: ({ turns }) => turns.put("kai", noTurn, now),
      changes: { turns: { kai: null } },
    },
    ...[
      { ids: ["a"], hasOthers: false },
      { ids: [], hasOthers: true },
    ].map(left => ({
      does: `and keeps what is left alone: ${JSON.stringify(left)}`,
      act: ({ turns }: Parameters<Cases[string][number]["act"]>[0]) =>
        turns.put("kai", { open: null, left }, now),
      changes: { turns: { kai: { state: JSON.stringify({ open: null, left }), at: now } } },
    })),
  ],
  "turns.take": [
    {
      does: "one message, once",
      act: ({ turns }) => [turns.take(8, now), turns.take(8, now + 1)],
      gives: [true, false],
      changes: { inbox: { 8: { taken_at: now } } },
    },
    { does: "none that was dropped", act: ({ turns }) => turns.take(6, now), gives: false },
  ],
  "turns.isAnswered": [
    {
      does: "where this pair was answered, and not by what was dropped",
      act: ({ turns }) =>
        ["d1", "w1", "x1"].map(id => [turns.isAnswered("kai", id), turns.isAnswered("lia", id)]),
      gives: [
        [true, true],
        [false, true],
        [false, false],
      ],
    },
  ],
  "turns.forget": [
    {
      does: "what was quiet for more than a day",
      given: `UPDATE turns SET at = ${now - day} - (session = 'kai')`,
      act: ({ turns }) => turns.forget(now),
      changes: { turns: { kai: null } },
    },
    {
      does: "what is of a clock that was wrong by more than a day",
      given: `UPDATE turns SET at = ${now + day} + (session = 'kai')`,
      act: ({ turns }) => turns.forget(now),
      changes: { turns: { kai: null } },
    },
  ],
}

export const chatCases: Cases = {
  "chats.all": [
    {
      does: "of this chat, in the order asked",
      given: "INSERT INTO chat_questions VALUES ('kai', 'z', 'later'), ('kai', 'a', 'last')",
      act: ({ chats }) => chats.of("kai").all(),
      gives: [
        ["q1", "asked kai"],
        ["z", "later"],
        ["a", "last"],
      ],
    },
  ],
  "chats.remember": [
    {
      does: "in this chat",
      act: ({ chats }) => [chats.of("kai").remember("q1", "new"), chats.of("kai").remember("q2", "more")],
      gives: [undefined, undefined],
      changes: {
        chat_questions: { "kai q1": { state: "new" }, "+kai q2": { chat: "kai", id: "q2", state: "more" } },
      },
    },
  ],
  "chats.forget": [
    {
      does: "in this chat, this one",
      given: "INSERT INTO chat_questions VALUES ('kai', 'a', 'later')",
      act: ({ chats }) => chats.of("kai").forget("q1"),
      changes: { chat_questions: { "kai q1": null } },
    },
  ],
  "chats.cursor": [
    {
      does: "this chat's",
      act: ({ chats }) => ["kai", "lia", "none"].map(chat => chats.of(chat).cursor()),
      gives: ["read by kai", "read by lia", null],
    },
  ],
  "chats.setCursor": [
    {
      does: "this chat's",
      act: ({ chats }) => [chats.of("kai").setCursor("7"), chats.of("noa").setCursor("8")],
      gives: [undefined, undefined],
      changes: { chat_cursors: { kai: { cursor: "7" }, "+noa": { chat: "noa", cursor: "8" } } },
    },
    {
      does: "anew",
      act: ({ chats }) => chats.of("kai").setCursor(null),
      changes: { chat_cursors: { kai: null } },
    },
  ],
}
