import { testTyping } from "../support/typing-suite.ts"

testTyping("gemini")
