//! From a regex's text to its program.

use super::class::Class;
use super::step::Step;

/// The longest program: `(x{1000}){1000}` is not expanded.
const MAX_LEN: usize = 10_000;

/// The deepest nesting of groups, as PCRE's.
const MAX_DEPTH: usize = 250;

/// The program of `pattern`, without its end. `None`: it is too long, or of a syntax not known
/// here.
pub(super) fn parse(pattern: &[u8], ignore_case: bool) -> Option<Vec<Step>> {
    let mut parser = Parser {
        rest: pattern,
        ignore_case,
        depth: 0,
    };
    let node = parser.alternatives()?;
    parser.rest.is_empty().then_some(())?;
    let mut program = Vec::new();
    node.emit(&mut program)?;
    Some(program)
}

/// A part of a regex.
enum Node {
    Step(Step),
    Sequence(Vec<Node>),
    /// Alternatives; at least one.
    Any(Vec<Node>),
    Repeat {
        atom: Box<Node>,
        min: usize,
        max: Option<usize>,
    },
}

impl Node {
    /// Appends its steps. `None`: there are too many.
    fn emit(&self, program: &mut Vec<Step>) -> Option<()> {
        (program.len() < MAX_LEN).then_some(())?;
        match self {
            Node::Step(step) => program.push(*step),
            Node::Sequence(nodes) => nodes.iter().try_for_each(|node| node.emit(program))?,
            Node::Any(nodes) => {
                let (last, others) = nodes.split_last()?;
                let mut jumps = Vec::new();
                for node in others {
                    let split = hole(program);
                    node.emit(program)?;
                    jumps.push(hole(program));
                    program[split] = Step::Split(split + 1, program.len());
                }
                last.emit(program)?;
                for jump in jumps {
                    program[jump] = Step::Split(program.len(), program.len());
                }
            }
            Node::Repeat { atom, min, max } => {
                for _ in 0..*min {
                    let before = program.len();
                    atom.emit(program)?;
                    if program.len() == before {
                        break;
                    }
                }
                for _ in *min..max.unwrap_or(min + 1) {
                    let split = hole(program);
                    atom.emit(program)?;
                    if max.is_none() {
                        program.push(Step::Split(split, split));
                    }
                    program[split] = Step::Split(split + 1, program.len());
                }
            }
        }
        Some(())
    }
}

/// Room for a step that is known later.
fn hole(program: &mut Vec<Step>) -> usize {
    program.push(Step::Match);
    program.len() - 1
}

struct Parser<'p> {
    rest: &'p [u8],
    ignore_case: bool,
    depth: usize,
}

impl<'p> Parser<'p> {
    fn take(&mut self, beginning: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(beginning);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    /// The rest up to `end`, which is passed over.
    fn until(&mut self, end: &[u8]) -> Option<&'p [u8]> {
        let at = self.rest.windows(end.len()).position(|w| w == end)?;
        let (text, rest) = self.rest.split_at(at);
        self.rest = &rest[end.len()..];
        Some(text)
    }

    /// `a|b|c`, up to the end of the group.
    fn alternatives(&mut self) -> Option<Node> {
        let mut nodes = vec![self.sequence()?];
        while self.take(b"|") {
            nodes.push(self.sequence()?);
        }
        Some(Node::Any(nodes))
    }

    fn sequence(&mut self) -> Option<Node> {
        let mut nodes = Vec::new();
        while !self.rest.is_empty() && !matches!(self.rest[0], b'|' | b')') {
            let atom = self.atom()?;
            nodes.push(self.quantified(atom)?);
        }
        Some(Node::Sequence(nodes))
    }

    fn atom(&mut self) -> Option<Node> {
        Some(Node::Step(match self.next()? {
            b'(' => return self.group(),
            b'[' => Step::Byte(self.class()?),
            b'.' => Step::Byte(Class::NONE.not()),
            b'^' => Step::Start,
            b'$' => Step::End,
            b'*' | b'+' | b'?' => return None,
            b'\\' => self.escape()?,
            byte => self.literal(byte),
        }))
    }

    fn literal(&self, literal: u8) -> Step {
        Step::Byte(self.folded(Class::of(|byte| byte == literal)))
    }

    fn folded(&self, class: Class) -> Class {
        if !self.ignore_case {
            return class;
        }
        Class::of(|byte| {
            class.has(byte.to_ascii_lowercase()) || class.has(byte.to_ascii_uppercase())
        })
    }

    fn escape(&mut self) -> Option<Step> {
        let byte = self.next()?;
        if let Some(class) = Class::of_escape(byte) {
            return Some(Step::Byte(class));
        }
        match byte {
            b'A' => Some(Step::Start),
            b'z' | b'Z' => Some(Step::End),
            b'b' | b'B' => Some(Step::LookBehind),
            _ => Some(self.literal(escaped(byte)?)),
        }
    }

    /// `[...]`, after its bracket.
    fn class(&mut self) -> Option<Class> {
        let is_negated = self.take(b"^");
        let mut class = Class::NONE;
        let mut is_first = true;
        while is_first || !self.take(b"]") {
            is_first = false;
            if self.take(b"[:") {
                class = class.or(Class::of_name(self.until(b":]")?)?);
                continue;
            }
            let Some(from) = self.class_byte(&mut class)? else {
                continue;
            };
            let to = match self.rest {
                [b'-', end, ..] if *end != b']' => {
                    self.rest = &self.rest[1..];
                    self.class_byte(&mut class)??
                }
                _ => from,
            };
            class = class.or(Class::of(|byte| (from..=to).contains(&byte)));
        }
        let class = self.folded(class);
        Some(if is_negated { class.not() } else { class })
    }

    /// A byte of a class; `Some(None)`: an escape like `\d`, which is added to `class`.
    fn class_byte(&mut self, class: &mut Class) -> Option<Option<u8>> {
        match self.next()? {
            b'\\' => {
                let byte = self.next()?;
                match Class::of_escape(byte) {
                    Some(escape) => {
                        *class = class.or(escape);
                        Some(None)
                    }
                    None => Some(Some(escaped(byte)?)),
                }
            }
            byte => Some(Some(byte)),
        }
    }

    /// `(...)`, after its bracket.
    fn group(&mut self) -> Option<Node> {
        if self.take(b"?i)") {
            self.ignore_case = true;
            return Some(Node::Sequence(Vec::new()));
        }
        let look = if self.take(b"?=") || self.take(b"?!") {
            Some(Step::LookAhead)
        } else if self.take(b"?<=") || self.take(b"?<!") {
            Some(Step::LookBehind)
        } else {
            None
        };
        let outer_case = self.ignore_case;
        if look.is_none() && self.take(b"?") {
            if self.take(b"i:") {
                self.ignore_case = true;
            } else if self.take(b"P<") || self.take(b"<") {
                self.until(b">")?;
            } else if !self.take(b":") {
                return None;
            }
        }
        self.depth += 1;
        (self.depth <= MAX_DEPTH).then_some(())?;
        let inner = self.alternatives()?;
        self.depth -= 1;
        self.ignore_case = outer_case;
        self.take(b")").then_some(())?;
        Some(look.map_or(inner, Node::Step))
    }

    /// `atom` with what follows it of `*`, `+`, `?`, `{2}`, `{2,}`, `{2,4}`.
    fn quantified(&mut self, atom: Node) -> Option<Node> {
        let (min, max) = match self.rest.first() {
            Some(b'*') => (0, None),
            Some(b'+') => (1, None),
            Some(b'?') => (0, Some(1)),
            Some(b'{') => match self.counts() {
                Some(counts) => counts,
                // The bracket stands for itself.
                None => return Some(atom),
            },
            _ => return Some(atom),
        };
        self.rest = &self.rest[1..];
        // A lazy one matches the same texts, a possessive one fewer.
        if !self.take(b"?") && self.rest.first() == Some(&b'+') {
            return None;
        }
        let atom = Box::new(atom);
        Some(Node::Repeat { atom, min, max })
    }

    /// The numbers of `{2,4}`, of 16 bits as in PCRE; all but the closing bracket is passed over.
    fn counts(&mut self) -> Option<(usize, Option<usize>)> {
        let end = self.rest.iter().position(|byte| *byte == b'}')?;
        let text = std::str::from_utf8(&self.rest[1..end]).ok()?;
        let number = |text: &str| text.parse::<u16>().ok().map(usize::from);
        let counts = match text.split_once(',') {
            None => (number(text)?, Some(number(text)?)),
            Some((min, "")) => (number(min)?, None),
            Some((min, max)) => (number(min)?, Some(number(max)?)),
        };
        self.rest = &self.rest[end..];
        Some(counts)
    }
}

/// The byte that an escape stands for, if it is one byte.
fn escaped(byte: u8) -> Option<u8> {
    match byte {
        b't' => Some(b'\t'),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        byte if byte.is_ascii_alphanumeric() => None,
        byte => Some(byte),
    }
}
