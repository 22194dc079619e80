import { testTyping } from "../support/typing-suite.ts"

testTyping("claude")
