//! Tokens to statements. A statement that cannot be read is one of its own, and the next is read as if nothing had been.

use super::expression::Fault;
use super::syntax::{Class, Expr, ExprKind, Function, Stmt, StmtKind};
use super::token::{Kind, Token, tokens};

/// Blocks in blocks.
const NESTING: u32 = 30;

/// Reads a file.
pub(super) fn parse(text: &str) -> Vec<Stmt> {
    parse_noting(text).0
}

/// Reads a file, and tells the lines whose statements could not be read.
pub(super) fn parse_noting(text: &str) -> (Vec<Stmt>, Vec<u32>) {
    let tokens = tokens(text);
    let mut parser = Parser::new(&tokens);
    let mut out = Vec::new();
    while !matches!(parser.kind(), Kind::End) {
        parser.statement(&mut out);
    }
    (out, parser.unread)
}

/// Where the parser is.
pub(super) struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    blocks: u32,
    /// How deep in an expression.
    pub(super) depth: u32,
    /// Lines that were given up.
    unread: Vec<u32>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(tokens: &'a [Token]) -> Self {
        Self {
            tokens,
            at: 0,
            blocks: 0,
            depth: 0,
            unread: Vec::new(),
        }
    }

    pub(super) fn kind(&self) -> &'a Kind {
        self.tokens.get(self.at).map_or(&Kind::End, |token| &token.kind)
    }

    pub(super) fn following(&self) -> &'a Kind {
        self.tokens
            .get(self.at + 1)
            .map_or(&Kind::End, |token| &token.kind)
    }

    pub(super) fn line(&self) -> u32 {
        self.tokens.get(self.at).map_or(0, |token| token.line)
    }

    pub(super) fn next(&mut self) {
        self.at += 1;
    }

    pub(super) fn is(&self, operator: &str) -> bool {
        matches!(self.kind(), Kind::Op(found) if *found == operator)
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.kind(), Kind::Name(found) if found == word)
    }

    pub(super) fn eat(&mut self, operator: &str) -> bool {
        let found = self.is(operator);
        self.at += usize::from(found);
        found
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    pub(super) fn need(&mut self, operator: &str) -> Result<(), Fault> {
        if self.eat(operator) { Ok(()) } else { Err(Fault) }
    }

    pub(super) fn name(&mut self) -> Result<String, Fault> {
        let Kind::Name(name) = self.kind() else {
            return Err(Fault);
        };
        self.next();
        Ok(name.clone())
    }

    fn statement(&mut self, out: &mut Vec<Stmt>) {
        let (line, began) = (self.line(), self.at);
        match self.compound() {
            Ok(Some(kind)) => out.push(Stmt { line, kind }),
            Ok(None) => self.simple_line(out),
            Err(Fault) => out.push(self.give_up(line, began)),
        }
    }

    /// To the end of the line and of the block that hangs on it.
    fn give_up(&mut self, line: u32, began: usize) -> Stmt {
        self.unread.push(line);
        let bound = match (self.tokens.get(began), self.tokens.get(began + 1)) {
            (
                Some(Token {
                    kind: Kind::Name(name),
                    ..
                }),
                Some(Token {
                    kind: Kind::Op("=" | "[" | "+=" | ":"),
                    ..
                }),
            ) => vec![name.clone()],
            _ => Vec::new(),
        };
        while !matches!(self.kind(), Kind::Newline | Kind::End) {
            self.next();
        }
        if matches!(self.kind(), Kind::Newline) {
            self.next();
        }
        self.skip_block();
        // A stray end of a block must not stop the parser.
        if self.at == began {
            self.next();
        }
        Stmt {
            line,
            kind: StmtKind::Opaque(bound),
        }
    }

    fn skip_block(&mut self) {
        if !matches!(self.kind(), Kind::Indent) {
            return;
        }
        let mut depth = 0_u32;
        loop {
            match self.kind() {
                Kind::Indent => depth += 1,
                Kind::Dedent => depth = depth.saturating_sub(1),
                Kind::End => return,
                Kind::Name(_) | Kind::Number(_) | Kind::Text(_) | Kind::Op(_) | Kind::Newline => {}
            }
            self.next();
            if depth == 0 {
                return;
            }
        }
    }

    fn compound(&mut self) -> Result<Option<StmtKind>, Fault> {
        while self.eat("@") {
            // A decorator says nothing about what is set.
            self.expression()?;
            self.end_of_line()?;
        }
        let Kind::Name(word) = self.kind() else {
            return Ok(None);
        };
        if word == "async" {
            self.next();
        }
        Ok(Some(match word.as_str() {
            "if" => self.branches()?,
            "for" => {
                self.next();
                let names = self.bound_names()?;
                if !self.eat_word("in") {
                    return Err(Fault);
                }
                let of = self.expression_list()?;
                StmtKind::For(names, of, self.block()?)
            }
            "try" => self.attempt()?,
            "with" => self.with()?,
            "def" => self.function()?,
            "class" => self.class()?,
            "while" | "match" => return self.opaque(),
            "async" => return self.compound(),
            _ => return Ok(None),
        }))
    }

    /// `class Name(Base, metaclass=...):`
    fn class(&mut self) -> Result<StmtKind, Fault> {
        self.next();
        let name = self.name()?;
        let bases = if self.eat("(") {
            self.arguments()?
        } else {
            Vec::new()
        };
        let bases = bases.into_iter().filter(|base| base.name.is_none());
        Ok(StmtKind::Class(Class {
            name,
            bases: bases.map(|base| base.value).collect(),
            body: self.block()?,
        }))
    }

    fn opaque(&mut self) -> Result<Option<StmtKind>, Fault> {
        if self.is_word("match") && !matches!(self.following(), Kind::Name(_)) {
            return Ok(None);
        }
        self.next();
        while !self.is(":") {
            if matches!(self.kind(), Kind::Newline | Kind::End) {
                return Err(Fault);
            }
            self.next();
        }
        let body = self.block()?;
        let inner = body.iter().flat_map(Stmt::binds).map(str::to_owned);
        Ok(Some(StmtKind::Opaque(inner.collect())))
    }

    fn branches(&mut self) -> Result<StmtKind, Fault> {
        let mut branches = Vec::new();
        self.next();
        loop {
            let condition = self.expression()?;
            branches.push((Some(condition), self.block()?));
            if self.eat_word("elif") {
                continue;
            }
            if self.eat_word("else") {
                branches.push((None, self.block()?));
            }
            return Ok(StmtKind::If(branches));
        }
    }

    fn attempt(&mut self) -> Result<StmtKind, Fault> {
        self.next();
        let body = self.block()?;
        let (mut handlers, mut otherwise, mut finally) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            if self.eat_word("except") {
                self.eat("*");
                if !self.is(":") {
                    self.expression_list()?;
                    if self.eat_word("as") {
                        self.name()?;
                    }
                }
                handlers.push(self.block()?);
            } else if self.eat_word("else") {
                otherwise = self.block()?;
            } else if self.eat_word("finally") {
                finally = self.block()?;
            } else {
                return Ok(StmtKind::Try(body, handlers, otherwise, finally));
            }
        }
    }

    fn with(&mut self) -> Result<StmtKind, Fault> {
        self.next();
        let mut names = Vec::new();
        loop {
            self.expression()?;
            if self.eat_word("as") {
                names.push(self.name()?);
            }
            if !self.eat(",") {
                break;
            }
        }
        Ok(StmtKind::With(names, self.block()?))
    }

    fn function(&mut self) -> Result<StmtKind, Fault> {
        self.next();
        let name = self.name()?;
        self.need("(")?;
        let mut parameters = Vec::new();
        while !self.eat(")") {
            if self.eat("*") || self.eat("**") || self.eat("/") {
                // Their places are not followed: a call that uses them is unknown.
                if matches!(self.kind(), Kind::Name(_)) {
                    self.next();
                }
            } else {
                let parameter = self.name()?;
                if self.eat(":") {
                    self.expression()?;
                }
                let default = if self.eat("=") {
                    Some(self.expression()?)
                } else {
                    None
                };
                parameters.push((parameter, default));
            }
            if !self.is(")") {
                self.need(",")?;
            }
        }
        if self.eat("->") {
            self.expression()?;
        }
        let body = self.block()?;
        Ok(StmtKind::Def(Function {
            name,
            parameters,
            body,
        }))
    }

    fn block(&mut self) -> Result<Vec<Stmt>, Fault> {
        self.need(":")?;
        if self.blocks >= NESTING {
            return Err(Fault);
        }
        let mut out = Vec::new();
        if !matches!(self.kind(), Kind::Newline) {
            self.simple_line(&mut out);
            return Ok(out);
        }
        self.next();
        if !matches!(self.kind(), Kind::Indent) {
            return Err(Fault);
        }
        self.next();
        self.blocks += 1;
        while !matches!(self.kind(), Kind::Dedent | Kind::End) {
            self.statement(&mut out);
        }
        self.blocks -= 1;
        self.next();
        Ok(out)
    }

    fn simple_line(&mut self, out: &mut Vec<Stmt>) {
        loop {
            let (line, began) = (self.line(), self.at);
            let read = self.simple();
            let ended = read.is_ok() && (self.is(";") || self.end_of_line().is_ok());
            match read {
                Ok(kind) if ended => out.push(Stmt { line, kind }),
                Ok(_) | Err(Fault) => {
                    out.push(self.give_up(line, began));
                    return;
                }
            }
            if !self.eat(";") || self.end_of_line().is_ok() {
                return;
            }
        }
    }

    fn end_of_line(&mut self) -> Result<(), Fault> {
        match self.kind() {
            Kind::Newline => {
                self.next();
                Ok(())
            }
            Kind::End | Kind::Dedent => Ok(()),
            Kind::Name(_) | Kind::Number(_) | Kind::Text(_) | Kind::Op(_) | Kind::Indent => Err(Fault),
        }
    }

    fn simple(&mut self) -> Result<StmtKind, Fault> {
        if let Kind::Name(word) = self.kind() {
            match word.as_str() {
                "import" => return self.import(),
                "from" => return self.from(),
                "pass" | "break" | "continue" => {
                    self.next();
                    return Ok(StmtKind::Opaque(Vec::new()));
                }
                "return" => {
                    self.next();
                    let nothing =
                        matches!(self.kind(), Kind::Newline | Kind::End | Kind::Dedent) || self.is(";");
                    let value = if nothing {
                        None
                    } else {
                        Some(self.expression_list()?)
                    };
                    return Ok(StmtKind::Return(value));
                }
                "raise" | "assert" | "del" | "global" | "nonlocal" => {
                    let raises = word == "raise";
                    while !matches!(self.kind(), Kind::Newline | Kind::End) && !self.is(";") {
                        self.next();
                    }
                    return Ok(if raises {
                        StmtKind::Raise
                    } else {
                        StmtKind::Opaque(Vec::new())
                    });
                }
                _ => {}
            }
        }
        self.assignment()
    }

    fn assignment(&mut self) -> Result<StmtKind, Fault> {
        let first = self.expression_list()?;
        if self.eat(":") {
            // An annotation says nothing about the value.
            self.expression()?;
            if !self.is("=") {
                return Ok(StmtKind::Opaque(Vec::new()));
            }
        }
        for (augmented, operator) in [
            ("+=", "+"),
            ("-=", "-"),
            ("*=", "*"),
            ("/=", "/"),
            ("%=", "%"),
            ("|=", "|"),
        ] {
            if self.eat(augmented) {
                return Ok(StmtKind::Augment(first, operator, self.expression_list()?));
            }
        }
        if !self.is("=") {
            return Ok(StmtKind::Expr(first));
        }
        let mut parts = vec![first];
        while self.eat("=") {
            parts.push(self.expression_list()?);
        }
        let value = parts.pop().unwrap_or(Expr {
            line: 0,
            kind: ExprKind::Opaque,
        });
        Ok(StmtKind::Assign(parts, value))
    }

    /// `a`, `a, b` and `(a, b)`.
    pub(super) fn bound_names(&mut self) -> Result<Vec<String>, Fault> {
        let bracket = self.eat("(");
        let mut names = vec![self.name()?];
        while self.eat(",") {
            names.push(self.name()?);
        }
        if bracket {
            self.need(")")?;
        }
        Ok(names)
    }
}
