/** The numbers that docs/PROTOCOL.md names: both sides of the wire count on them. */

import { expect, test } from "bun:test"
import { firstPort, portTries } from "../../src/protocol/addresses.ts"
import { codeLifetimeMilliseconds, triesPerCode } from "../../src/protocol/codes.ts"
import {
  carriedMilliseconds,
  collectBucket,
  graceSeconds,
  nextCollectMilliseconds,
} from "../../src/protocol/collects.ts"
import { nobodysKeys } from "../../src/protocol/exchange.ts"
import { staleForGoodMilliseconds, toleranceSeconds } from "../../src/protocol/freshness.ts"
import { mostIdUnits, mostLastWords, mostTags } from "../../src/protocol/hook-limits.ts"
import { confirmsPerCode } from "../../src/protocol/joiner.ts"
import { mostTypedUnits } from "../../src/protocol/layout.ts"
import { messageBucket, otherBucket, repeatBucket } from "../../src/protocol/limiter.ts"
import {
  idLifetimeMilliseconds,
  messageLifetimeMilliseconds,
  mostBodyBytes,
  mostCarriedAnswerBytes,
  mostHops,
  mostReceipts,
  mostTextUnits,
  mostWaitSeconds,
} from "../../src/protocol/messages.ts"
import { handshakeLifetimeMilliseconds, hellosPerSecond, mostHandshakes } from "../../src/protocol/minter.ts"
import {
  askMilliseconds,
  searchMilliseconds,
  vainBucket,
  vainMilliseconds,
} from "../../src/protocol/moving.ts"
import { nonceLength, pairingIdLength, tagLength } from "../../src/protocol/pairing-messages.ts"
import { requestLifetimeMilliseconds } from "../../src/protocol/requests.ts"
import { firstWaitMilliseconds, longestWaitMilliseconds } from "../../src/protocol/retries.ts"
import { saltLength } from "../../src/protocol/sealing.ts"

const minute = 60_000
const hour = 60 * minute

test.each([
  ["the first port that is tried", firstPort, 9876],
  ["ports that are tried", portTries, 100],
  ["collects of a pair", collectBucket, { most: 120, seconds: 60 }],
  ["until the next collect", nextCollectMilliseconds, minute],
  ["until a carried request is answered", carriedMilliseconds, 15_000],
  ["what a collect may take beyond its wait", graceSeconds, 10],
  ["how long a collect may wait", mostWaitSeconds, 25],
  ["an answer in a collect", mostCarriedAnswerBytes, 4096],
  ["how far a clock may be off", toleranceSeconds, 300],
  ["what can be fresh no more, whichever clock is off", staleForGoodMilliseconds, 10 * minute],
  ["new messages of a pair", messageBucket, { most: 10, seconds: 60 }],
  ["what else only the peer can have made", otherBucket, { most: 60, seconds: 60 }],
  ["what anybody can repeat", repeatBucket, { most: 60, seconds: 60 }],
  ["a text, in UTF-16 units", mostTextUnits, 32_768],
  ["a body", mostBodyBytes, 131_072],
  ["replies in a row", mostHops, 1_000_000],
  ["receipts of a message", mostReceipts, 5],
  ["a message", messageLifetimeMilliseconds, 24 * hour],
  ["what is remembered of an id", idLifetimeMilliseconds, 48 * hour],
  ["a request", requestLifetimeMilliseconds, 24 * hour],
  ["tries of a code", triesPerCode, 3],
  ["a code", codeLifetimeMilliseconds, 10 * minute],
  ["a handshake", handshakeLifetimeMilliseconds, minute],
  ["handshakes at once", mostHandshakes, 8],
  ["hellos a second", hellosPerSecond, 5],
  ["confirms of a joiner", confirmsPerCode, 3],
  ["how often a peer is looked for", searchMilliseconds, minute],
  ["an address that a peer named", askMilliseconds, 9000],
  ["one that did not answer", vainMilliseconds, 10_000],
  ["addresses in vain", vainBucket, { most: 10, seconds: 3600 }],
  ["the first wait of a retry", firstWaitMilliseconds, 1000],
  ["the longest", longestWaitMilliseconds, 5 * minute],
  ["a nonce", nonceLength, 16],
  ["an id of a pairing", pairingIdLength, 16],
  ["a tag", tagLength, 32],
  ["a salt", saltLength, 16],
  ["units that are typed", mostTypedUnits, 8000],
  ["tags of a prompt", mostTags, 16],
  ["last words of a turn", mostLastWords, 40_000],
  ["an id of a hook's", mostIdUnits, 200],
  ["the keys of an unknown pair", [nobodysKeys.send.length, nobodysKeys.receive.length], [32, 32]],
])("%s", (_, is, want) => expect(is as unknown).toEqual(want))
