//! Tokens to expressions, by precedence.

use super::parse::Parser;
use super::syntax::{Argument, Expr, ExprKind, Item, Part};
use super::token::{Kind, Piece, tokens};

/// Expressions in expressions.
const DEPTH: u32 = 60;
/// Operands in one chain: each is one level of what is made of them.
const CHAIN: usize = 300;

/// What is no expression, or nests too deeply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault;

type Parsed = Result<Expr, Fault>;

const COMPARISONS: [&str; 6] = ["==", "!=", "<=", ">=", "<", ">"];

fn longer(length: &mut usize) -> Result<(), Fault> {
    *length += 1;
    if *length > CHAIN { Err(Fault) } else { Ok(()) }
}

impl Parser<'_> {
    /// An expression, or some with commas between them.
    pub(super) fn expression_list(&mut self) -> Parsed {
        let line = self.line();
        let first = self.item()?;
        if !self.is(",") {
            return Ok(first.value);
        }
        let mut items = vec![first];
        while self.eat(",") {
            if matches!(
                self.kind(),
                Kind::Newline | Kind::End | Kind::Op("=" | ")" | "]" | ":")
            ) {
                break;
            }
            items.push(self.item()?);
        }
        Ok(Expr {
            line,
            kind: ExprKind::Tuple(items),
        })
    }

    fn item(&mut self) -> Result<Item, Fault> {
        let starred = self.eat("*");
        Ok(Item {
            starred,
            value: self.expression()?,
        })
    }

    /// One expression.
    pub(super) fn expression(&mut self) -> Parsed {
        if self.depth >= DEPTH {
            return Err(Fault);
        }
        self.depth += 1;
        let parsed = self.choice();
        self.depth -= 1;
        parsed
    }

    fn choice(&mut self) -> Parsed {
        let line = self.line();
        if self.is_word("lambda") {
            while !self.is(":") {
                if matches!(self.kind(), Kind::Newline | Kind::End) {
                    return Err(Fault);
                }
                self.next();
            }
            self.next();
            self.expression()?;
            return Ok(Expr {
                line,
                kind: ExprKind::Opaque,
            });
        }
        let value = self.or()?;
        if self.eat(":=") {
            self.expression()?;
            return Ok(Expr {
                line,
                kind: ExprKind::Opaque,
            });
        }
        if !self.eat_word("if") {
            return Ok(value);
        }
        let condition = self.or()?;
        if !self.eat_word("else") {
            return Err(Fault);
        }
        let other = self.expression()?;
        let kind = ExprKind::Choice(Box::new(condition), Box::new(value), Box::new(other));
        Ok(Expr { line, kind })
    }

    fn or(&mut self) -> Parsed {
        let mut left = self.and()?;
        let mut length = 0;
        while self.eat_word("or") {
            longer(&mut length)?;
            let (line, right) = (left.line, self.and()?);
            left = Expr {
                line,
                kind: ExprKind::Or(Box::new(left), Box::new(right)),
            };
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed {
        let mut left = self.not()?;
        let mut length = 0;
        while self.eat_word("and") {
            longer(&mut length)?;
            let (line, right) = (left.line, self.not()?);
            left = Expr {
                line,
                kind: ExprKind::And(Box::new(left), Box::new(right)),
            };
        }
        Ok(left)
    }

    fn not(&mut self) -> Parsed {
        let line = self.line();
        let mut times = 0_u32;
        while self.eat_word("not") {
            times += 1;
            if times > DEPTH {
                return Err(Fault);
            }
        }
        let mut value = self.comparison()?;
        for _ in 0..times {
            value = Expr {
                line,
                kind: ExprKind::Not(Box::new(value)),
            };
        }
        Ok(value)
    }

    fn comparison(&mut self) -> Parsed {
        let mut left = self.binary(0)?;
        let mut length = 0;
        loop {
            longer(&mut length)?;
            let operator = if let Some(operator) = COMPARISONS.iter().find(|operator| self.is(operator)) {
                self.next();
                operator
            } else if self.eat_word("in") {
                "in"
            } else if self.is_word("not") && matches!(self.following(), Kind::Name(word) if word == "in") {
                self.next();
                self.next();
                "not in"
            } else if self.eat_word("is") {
                if self.eat_word("not") { "is not" } else { "is" }
            } else {
                return Ok(left);
            };
            let (line, right) = (left.line, self.binary(0)?);
            left = Expr {
                line,
                kind: ExprKind::Compare(Box::new(left), operator, Box::new(right)),
            };
        }
    }

    fn binary(&mut self, level: usize) -> Parsed {
        const LEVELS: [&[&str]; 5] = [
            &["|"],
            &["^", "&"],
            &["<<", ">>"],
            &["+", "-"],
            &["*", "/", "//", "%", "@"],
        ];
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        let mut length = 0;
        while let Some(operator) = operators.iter().find(|operator| self.is(operator)) {
            self.next();
            longer(&mut length)?;
            let (line, right) = (left.line, self.binary(level + 1)?);
            left = Expr {
                line,
                kind: ExprKind::Binary(Box::new(left), operator, Box::new(right)),
            };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed {
        let line = self.line();
        let (mut minus, mut inverted) = (false, false);
        loop {
            if self.eat("-") {
                minus = !minus;
            } else if self.eat("~") {
                inverted = !inverted;
            } else if !self.eat("+") {
                break;
            }
        }
        self.eat_word("await");
        let mut value = self.postfix()?;
        if self.eat("**") {
            let power = self.expression_guarded()?;
            value = Expr {
                line,
                kind: ExprKind::Binary(Box::new(value), "**", Box::new(power)),
            };
        }
        if inverted {
            value = Expr {
                line,
                kind: ExprKind::Invert(Box::new(value)),
            };
        }
        if minus {
            value = Expr {
                line,
                kind: ExprKind::Minus(Box::new(value)),
            };
        }
        Ok(value)
    }

    fn expression_guarded(&mut self) -> Parsed {
        if self.depth >= DEPTH {
            return Err(Fault);
        }
        self.depth += 1;
        let parsed = self.unary();
        self.depth -= 1;
        parsed
    }

    fn postfix(&mut self) -> Parsed {
        let mut value = self.atom()?;
        let mut length = 0;
        loop {
            longer(&mut length)?;
            let line = value.line;
            let kind = if self.eat(".") {
                ExprKind::Attribute(Box::new(value), self.name()?)
            } else if self.eat("(") {
                ExprKind::Call(Box::new(value), self.arguments()?)
            } else if self.eat("[") {
                self.index(value)?
            } else {
                return Ok(value);
            };
            value = Expr { line, kind };
        }
    }

    fn index(&mut self, of: Expr) -> Result<ExprKind, Fault> {
        let from = if self.is(":") {
            None
        } else {
            Some(Box::new(self.expression_list()?))
        };
        if !self.eat(":") {
            self.need("]")?;
            return from
                .map(|index| ExprKind::Index(Box::new(of), index))
                .ok_or(Fault);
        }
        let to = if self.is("]") || self.is(":") {
            None
        } else {
            Some(Box::new(self.expression()?))
        };
        if self.eat(":") {
            if !self.is("]") {
                self.expression()?;
            }
            self.need("]")?;
            return Ok(ExprKind::Opaque);
        }
        self.need("]")?;
        Ok(ExprKind::Slice(Box::new(of), from, to))
    }

    pub(super) fn arguments(&mut self) -> Result<Vec<Argument>, Fault> {
        let mut arguments = Vec::new();
        while !self.eat(")") {
            let starred = self.eat("*") || self.eat("**");
            let name = match (self.kind(), self.following()) {
                (Kind::Name(name), Kind::Op("=")) if !starred => {
                    self.next();
                    self.next();
                    Some(name.clone())
                }
                _ => None,
            };
            let value = self.expression()?;
            let value = if self.is_word("for") || self.is_word("async") {
                self.comprehension(None, value)?
            } else {
                value
            };
            arguments.push(Argument { name, starred, value });
            if !self.is(")") {
                self.need(",")?;
            }
        }
        Ok(arguments)
    }

    fn comprehension(&mut self, key: Option<Expr>, element: Expr) -> Parsed {
        let line = element.line;
        self.eat_word("async");
        self.next();
        let names = self.bound_names()?;
        if !self.eat_word("in") {
            return Err(Fault);
        }
        let of = self.or()?;
        let condition = if self.eat_word("if") {
            Some(Box::new(self.or()?))
        } else {
            None
        };
        if self.is_word("for") || self.is_word("if") {
            // More than one is walked over and not carried out.
            self.comprehension_rest()?;
            return Ok(Expr {
                line,
                kind: ExprKind::Opaque,
            });
        }
        let kind = ExprKind::Comprehension {
            key: key.map(Box::new),
            element: Box::new(element),
            names,
            of: Box::new(of),
            condition,
        };
        Ok(Expr { line, kind })
    }

    fn comprehension_rest(&mut self) -> Result<(), Fault> {
        loop {
            if self.eat_word("for") {
                self.bound_names()?;
                if !self.eat_word("in") {
                    return Err(Fault);
                }
                self.or()?;
            } else if self.eat_word("if") {
                self.or()?;
            } else {
                return Ok(());
            }
        }
    }

    fn atom(&mut self) -> Parsed {
        let line = self.line();
        let kind = match self.kind() {
            Kind::Text(_) => return self.text(),
            Kind::Number(number) => {
                self.next();
                ExprKind::Number(number.clone())
            }
            Kind::Name(name) => {
                self.next();
                match name.as_str() {
                    "None" => ExprKind::None,
                    "True" => ExprKind::Bool(true),
                    "False" => ExprKind::Bool(false),
                    "if" | "else" | "for" | "in" | "is" | "and" | "or" | "import" | "from" | "as" | "def"
                    | "class" | "return" | "elif" | "except" => return Err(Fault),
                    _ => ExprKind::Name(name.clone()),
                }
            }
            Kind::Op("(") => self.bracket(")")?,
            Kind::Op("[") => self.bracket("]")?,
            Kind::Op("{") => self.brace()?,
            Kind::Op("...") => {
                self.next();
                ExprKind::Opaque
            }
            Kind::Op(_) | Kind::Newline | Kind::Indent | Kind::Dedent | Kind::End => return Err(Fault),
        };
        Ok(Expr { line, kind })
    }

    /// Strings side by side are one.
    fn text(&mut self) -> Parsed {
        let line = self.line();
        let mut parts: Vec<Part> = Vec::new();
        while let Kind::Text(pieces) = self.kind() {
            for piece in pieces {
                match piece {
                    Piece::Text(text) => match parts.last_mut() {
                        Some(Part::Text(before)) => before.push_str(text),
                        Some(Part::Value(_)) | None => parts.push(Part::Text(text.clone())),
                    },
                    Piece::Code(code) => {
                        let tokens = tokens(code.trim());
                        let mut inner = Parser::new(&tokens);
                        inner.depth = self.depth + 1;
                        let mut value = inner.expression().unwrap_or(Expr {
                            line,
                            kind: ExprKind::Opaque,
                        });
                        value.line = line;
                        parts.push(Part::Value(value));
                    }
                }
            }
            self.next();
        }
        let kind = match parts.as_slice() {
            [Part::Text(text)] => ExprKind::Text(text.clone()),
            _ => ExprKind::Format(parts),
        };
        Ok(Expr { line, kind })
    }

    fn bracket(&mut self, end: &'static str) -> Result<ExprKind, Fault> {
        self.next();
        let mut items: Vec<Item> = Vec::new();
        let mut commas = 0_u32;
        while !self.eat(end) {
            let item = self.item()?;
            if items.is_empty() && (self.is_word("for") || self.is_word("async")) {
                let all = self.comprehension(None, item.value)?;
                self.need(end)?;
                return Ok(all.kind);
            }
            items.push(item);
            if self.eat(",") {
                commas += 1;
            } else if !self.is(end) {
                return Err(Fault);
            }
        }
        if end == ")" {
            return Ok(match items.pop() {
                // Brackets alone.
                Some(only) if items.is_empty() && commas == 0 => only.value.kind,
                last => {
                    items.extend(last);
                    ExprKind::Tuple(items)
                }
            });
        }
        Ok(ExprKind::List(items))
    }

    fn brace(&mut self) -> Result<ExprKind, Fault> {
        self.next();
        let (mut rows, mut items) = (Vec::new(), Vec::new());
        while !self.eat("}") {
            if self.eat("**") {
                rows.push((None, self.expression()?));
            } else {
                let item = self.item()?;
                if self.eat(":") {
                    let value = self.expression()?;
                    if self.is_word("for") {
                        let all = self.comprehension(Some(item.value), value)?;
                        self.need("}")?;
                        return Ok(all.kind);
                    }
                    rows.push((Some(item.value), value));
                } else if items.is_empty() && self.is_word("for") {
                    let all = self.comprehension(None, item.value)?;
                    self.need("}")?;
                    return Ok(all.kind);
                } else {
                    items.push(item);
                }
            }
            if !self.is("}") {
                self.need(",")?;
            }
        }
        Ok(if items.is_empty() {
            ExprKind::Dict(rows)
        } else {
            ExprKind::Set(items)
        })
    }
}
