/** The kinds of text that every program must get as they are (docs/DELIVERY.md), for tests and the soak. */
export const textKinds = [
  ["one line", "hello there"],
  ["2,000 characters", `${"words and ".repeat(199)}then end`],
  ["12 lines", Array.from({ length: 12 }, (_, index) => `line ${index}`).join("\n")],
  ["joined emoji", "a family 👩‍👩‍👧‍👦, a heart ❤️, 日本語 and é done"],
  ["signs that are wider for some", "🖥".repeat(60)],
  ["a leading slash", "/help"],
  ["a leading exclamation mark", "! ls"],
  ["a leading at", "@file"],
  ["a leading hash", "# title"],
  ["a final @wo", "look at @wo"],
] as const

/** What of a text a program is given: Gemini CLI would read the file behind any `@`, Claude Code behind one that begins a word. */
export const asTyped = (program: string, text: string): string => {
  if (program === "gemini") return text.replaceAll("@", "＠")
  return program === "claude" ? text.replace(/(?<![\p{L}\p{M}\p{N}_])@/gu, "＠") : text
}

/** One text a script, with what its spelling needs: decomposed letters, joiners, marks in an order of their own. */
export const scriptTexts = [
  ["Latin, decomposed", "re\u0301sume\u0301 nai\u0308ve Z\u030c A\u030angstro\u0308m.md"],
  ["Vietnamese, decomposed", "tie\u0302\u0301ng Vie\u0323\u0302t"],
  ["Greek, decomposed", "α\u0313\u0301νθρωπος και Ελλα\u0301δα"],
  ["Cyrillic, decomposed", "и\u0306од и и\u0306 Їжак"],
  ["Arabic", "الكِتَابُ على الطَّاوِلَة"],
  ["Persian", "می\u200cخواهم خانه\u200cها را ببینم"],
  ["Kurdish", "ده\u200cست مه\u200cترسی ئه\u200cوه"],
  ["Hebrew", "שָׁלוֹם עוֹלָם"],
  ["Hindi", "क्\u200dष और क्\u200cष और हिन्दी"],
  ["Sinhala", "ශ්\u200dරී ලංකාව ක්\u200dෂ"],
  ["Malayalam", "അവന്\u200d ചില്\u200dല്"],
  ["Tamil", "தமிழ் க்ஷ் ஶ்ரீ"],
  ["Thai", "ภาษาไทย น้ำใจ ที่สุด"],
  ["Chinese", "汉字與漢字，你好。"],
  ["Japanese, decomposed", "か\u3099く カ\u3099キ\u3099 日本語、ﾊﾝｶｸ"],
  ["Korean, composed", "안녕하세요 한국어"],
  ["Korean, decomposed", "안녕하세요 한국어".normalize("NFD")],
  ["emoji", "👩‍👩‍👧‍👦 🏳️‍🌈 👩🏽‍🚀 ❤️ 1️⃣ 🇯🇵"],
] as const
