/** The changes of TypeScript: of conditions, comparisons, numbers, booleans, calls and statements. */
import { SyntaxKind } from "typescript/unstable/ast"
import { API } from "typescript/unstable/async"
import type { Change } from "./mutant.ts"
import { changesOfSql, isSql } from "./sql.ts"

/** What is used of a node of the compiler's tree; TypeScript 7 calls its interface unstable. */
type Node = {
  readonly kind: number
  readonly end: number
  readonly parent?: Node
  getStart(): number
  forEachChild(visit: (child: Node) => void): void
  readonly operatorToken?: Node
  readonly operator?: number
  readonly operand?: Node
  readonly expression?: Node
  readonly condition?: Node
  readonly thenStatement?: Node
  readonly elseStatement?: Node
  readonly left?: Node
  readonly right?: Node
  readonly name?: Node
}

const swapped: Readonly<Record<string, readonly string[]>> = {
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
  "===": ["!=="],
  "!==": ["==="],
  "&&": ["||"],
  "||": ["&&"],
  "??": ["&&"],
  "+": ["-"],
  "-": ["+"],
  "*": ["/"],
  "/": ["*"],
  "%": ["*"],
  "&": ["|"],
  "|": ["&"],
  "+=": ["-="],
  "-=": ["+="],
}

const swappedNames: Readonly<Record<string, string>> = {
  min: "max",
  max: "min",
  some: "every",
  every: "some",
  ceil: "floor",
  floor: "ceil",
  startsWith: "endsWith",
  endsWith: "startsWith",
  push: "unshift",
  unshift: "push",
  find: "findLast",
}

/** Calls whose result is as good as what they were called on, for those who do not look. */
const transparent = ["filter", "sort", "toSorted", "trim", "toLowerCase", "slice", "reverse", "toReversed"]

/** The changes of each file. @param files - absolute; of the project of `root` */
export async function changesOf(
  root: string,
  files: readonly string[],
): Promise<Map<string, readonly Change[]>> {
  const api = new API({ cwd: root })
  try {
    const snapshot = await api.updateSnapshot({ openProject: `${root}/tsconfig.json` })
    const project = snapshot.getProjects()[0]
    const found = new Map<string, readonly Change[]>()
    for (const file of files) {
      const source = await project?.program.getSourceFile(file)
      if (source === undefined) throw new Error(`${file} is not in the project`)
      const text = await Bun.file(file).text()
      found.set(file, changesIn(source as unknown as Node, text))
    }
    return found
  } finally {
    await api.close()
  }
}

function changesIn(source: Node, text: string): readonly Change[] {
  const changes: Change[] = []
  const visit = (node: Node): void => {
    if (isOnlyType(node) || isForPeople(node, text)) return
    changes.push(...ofNode(node, text))
    node.forEachChild(visit)
  }
  visit(source)
  return unique(changes.filter(one => text.slice(one.start, one.end) !== one.replacement))
}

const unique = (changes: readonly Change[]): readonly Change[] => [
  ...new Map(changes.map(one => [`${one.start} ${one.end} ${one.replacement}`, one])).values(),
]

const typeKinds = new Set<number>([
  SyntaxKind.TypeAliasDeclaration,
  SyntaxKind.InterfaceDeclaration,
  SyntaxKind.ImportDeclaration,
  SyntaxKind.ExportDeclaration,
])

const isOnlyType = ({ kind }: Node): boolean =>
  typeKinds.has(kind) || (kind >= SyntaxKind.FirstTypeNode && kind <= SyntaxKind.LastTypeNode)

/** What a person alone reads, or a test build alone does, or that lets a process end: nothing goes another way by it. */
const forPeople = /\b(log\.write|log\.sparingly|traceStep|faultPoint)$|\.unref$/

/** Such a call whose result nobody looks at, and what is there for it alone. */
function isForPeople({ kind, expression, thenStatement, elseStatement }: Node, text: string): boolean {
  if (kind === SyntaxKind.IfStatement)
    return thenStatement !== undefined && elseStatement === undefined && isForPeople(thenStatement, text)
  if (kind !== SyntaxKind.ExpressionStatement || expression?.kind !== SyntaxKind.CallExpression) return false
  const called = expression.expression
  return called !== undefined && forPeople.test(text.slice(called.getStart(), called.end))
}

function ofNode(node: Node, text: string): readonly Change[] {
  const [start, end] = [node.getStart(), node.end]
  const to = (...replacements: readonly string[]): Change[] =>
    replacements.map(replacement => ({ start, end, replacement }))
  switch (node.kind) {
    case SyntaxKind.BinaryExpression:
      return ofBinary(node, text)
    case SyntaxKind.PrefixUnaryExpression:
      return text[start] === "!" ? to(text.slice(start + 1, end)) : []
    case SyntaxKind.NumericLiteral:
      return to(numberAfter(text.slice(start, end)))
    case SyntaxKind.TrueKeyword:
      return to("false")
    case SyntaxKind.FalseKeyword:
      return to("true")
    case SyntaxKind.ConditionalExpression:
      return ofCondition(node.condition, text)
    case SyntaxKind.IfStatement:
    case SyntaxKind.WhileStatement:
      return ofCondition(node.expression, text)
    case SyntaxKind.ExpressionStatement:
      return to("{}")
    case SyntaxKind.ThrowStatement:
      return to("{}")
    case SyntaxKind.CallExpression:
      return ofCall(node, text)
    case SyntaxKind.StringLiteral:
    case SyntaxKind.NoSubstitutionTemplateLiteral:
    case SyntaxKind.TemplateExpression:
      return isSql(text.slice(start, end)) ? within(text, start, end) : []
    default:
      return []
  }
}

function within(text: string, start: number, end: number): readonly Change[] {
  const inner = start + 1
  return changesOfSql(text.slice(inner, end - 1)).map(one => ({
    start: inner + one.start,
    end: inner + one.end,
    replacement: one.replacement,
  }))
}

/** `60` becomes `61`, and `1_000` `1001`. */
const numberAfter = (text: string): string => String(Number(text.replaceAll("_", "")) + 1)

function ofBinary({ operatorToken, left, right }: Node, text: string): readonly Change[] {
  if (operatorToken === undefined || left === undefined || right === undefined) return []
  const [start, end] = [operatorToken.getStart(), operatorToken.end]
  const operator = text.slice(start, end)
  if ((operator === "+" || operator === "-") && [left, right].some(isText)) return []
  return (swapped[operator] ?? []).map(replacement => ({ start, end, replacement }))
}

const isText = ({ kind }: Node): boolean =>
  [SyntaxKind.StringLiteral, SyntaxKind.TemplateExpression, SyntaxKind.NoSubstitutionTemplateLiteral].some(
    one => one === kind,
  )

/** A condition that always holds, and one that never does. */
function ofCondition(condition: Node | undefined, text: string): readonly Change[] {
  if (condition === undefined) return []
  const [start, end] = [condition.getStart(), condition.end]
  if (["true", "false"].includes(text.slice(start, end))) return []
  return ["true", "false"].map(replacement => ({ start, end, replacement }))
}

function ofCall({ expression, end: callEnd }: Node, text: string): readonly Change[] {
  const name = expression?.name
  if (expression?.expression === undefined || name === undefined) return []
  const [start, end] = [name.getStart(), name.end]
  const word = text.slice(start, end)
  const other = Object.hasOwn(swappedNames, word) ? swappedNames[word] : undefined
  const swap = other === undefined ? [] : [{ start, end, replacement: other }]
  if (!transparent.includes(word)) return swap
  return [...swap, { start: expression.expression.end, end: callEnd, replacement: "" }]
}
