//! The two spellings of an import.

use super::expression::Fault;
use super::parse::Parser;
use super::syntax::StmtKind;

impl Parser<'_> {
    /// `import a.b as c, d`
    pub(super) fn import(&mut self) -> Result<StmtKind, Fault> {
        self.next();
        let mut names = Vec::new();
        loop {
            let module = self.dotted()?;
            let other = if self.eat_word("as") {
                Some(self.name()?)
            } else {
                None
            };
            names.push((module, other));
            if !self.eat(",") {
                return Ok(StmtKind::Import(names));
            }
        }
    }

    /// `from ..a import (b as c, d)`
    pub(super) fn from(&mut self) -> Result<StmtKind, Fault> {
        self.next();
        let mut level = 0;
        loop {
            if self.eat(".") {
                level += 1;
            } else if self.eat("...") {
                level += 3;
            } else {
                break;
            }
        }
        let module = if self.is_word("import") {
            String::new()
        } else {
            self.dotted()?
        };
        if !self.eat_word("import") {
            return Err(Fault);
        }
        if self.eat("*") {
            return Ok(StmtKind::From {
                module,
                level,
                names: None,
            });
        }
        let bracket = self.eat("(");
        let mut names = Vec::new();
        loop {
            let name = self.name()?;
            let other = if self.eat_word("as") {
                Some(self.name()?)
            } else {
                None
            };
            names.push((name, other));
            if !self.eat(",") || (bracket && self.is(")")) {
                break;
            }
        }
        if bracket {
            self.need(")")?;
        }
        Ok(StmtKind::From {
            module,
            level,
            names: Some(names),
        })
    }

    fn dotted(&mut self) -> Result<String, Fault> {
        let mut name = self.name()?;
        while self.eat(".") {
            name.push('.');
            name.push_str(&self.name()?);
        }
        Ok(name)
    }
}
