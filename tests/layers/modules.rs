//! Modules of a crate, what their files define, and which paths they name.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::{
    Token, behind_visibility, closing, is_function_qualifier, is_name, item_end, text, tokenize,
    without_tests,
};

/// For each file, the files that it depends on, with the names and their lines.
pub type FileGraph = BTreeMap<String, BTreeMap<String, BTreeSet<(String, usize)>>>;

/// Reads a file of a crate by its path; `None` if there is none.
pub type ReadFile<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A path as it is written: its segments and its line.
struct WrittenPath {
    segments: Vec<String>,
    line: usize,
}

#[derive(Default)]
struct Module {
    file: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    items: BTreeSet<String>,
    /// Names that `use` declares, with the paths that they stand for.
    imports: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
    paths: Vec<WrittenPath>,
    /// Names outside paths; a macro's has its `!`.
    words: Vec<(String, usize)>,
}

#[derive(Clone, PartialEq)]
enum Resolved {
    Module(usize),
    /// An item, by its module and name.
    Item(usize, String),
}

/// A crate, parsed from its root file. Code for tests is left out.
pub struct CrateModules<'a> {
    read: ReadFile<'a>,
    modules: Vec<Module>,
    /// Modules that define macros, by the macros' names.
    macros: BTreeMap<String, usize>,
}

impl<'a> CrateModules<'a> {
    /// # Panics
    /// If a file of a module is missing.
    pub fn parse(root: &str, read: ReadFile<'a>) -> Self {
        let mut parsed = Self {
            read,
            modules: Vec::new(),
            macros: BTreeMap::new(),
        };
        let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
        parsed.load(root, folder, None);
        parsed
    }

    /// Parses `file`, whose child modules lie in `folder`.
    fn load(&mut self, file: &str, folder: &str, parent: Option<usize>) -> usize {
        let source = (self.read)(file).unwrap_or_else(|| panic!("no file {file}"));
        let tokens = without_tests(&tokenize(&source));
        let module = self.add(file, parent);
        self.parse_items(&tokens, module, folder);
        module
    }

    fn add(&mut self, file: &str, parent: Option<usize>) -> usize {
        self.modules.push(Module {
            file: file.to_string(),
            parent,
            ..Module::default()
        });
        self.modules.len() - 1
    }

    fn parse_items(&mut self, tokens: &[Token], module: usize, folder: &str) {
        let mut at = 0;
        while at < tokens.len() {
            let start = at;
            if text(tokens, at) == "#" {
                let inner = usize::from(text(tokens, at + 1) == "!");
                at = closing(tokens, at + 1 + inner);
                self.parse_body(&tokens[start..at], module);
                continue;
            }
            at = item_end(tokens, at).max(at + 1);
            let item = &tokens[start..at];
            let keyword = behind_qualifiers(item);
            let name = text(item, keyword + 1);
            match text(item, keyword) {
                "mod" => self.parse_module(item, keyword, module, folder),
                "use" => self.parse_use(&item[keyword + 1..], module),
                "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union" => {
                    let is_mutable = usize::from(name == "mut");
                    let name = text(item, keyword + 1 + is_mutable).to_string();
                    self.modules[module].items.insert(name);
                    self.parse_body(item, module);
                }
                "macro_rules" => {
                    let name = text(item, keyword + 2).to_string();
                    self.macros.entry(name.clone()).or_insert(module);
                    self.modules[module].items.insert(name);
                    self.parse_body(item, module);
                }
                _ => self.parse_body(item, module),
            }
        }
    }

    fn parse_module(&mut self, item: &[Token], keyword: usize, parent: usize, folder: &str) {
        let name = text(item, keyword + 1);
        let inner_folder = match folder {
            "" => name.to_string(),
            folder => format!("{folder}/{name}"),
        };
        let child = if text(item, keyword + 2) == "{" {
            let file = self.modules[parent].file.clone();
            let child = self.add(&file, Some(parent));
            self.parse_items(&item[keyword + 3..item.len() - 1], child, &inner_folder);
            child
        } else {
            let beside = format!("{inner_folder}.rs");
            let within = format!("{inner_folder}/mod.rs");
            let file = match (self.read)(&beside) {
                Some(_) => beside,
                None => within,
            };
            self.load(&file, &inner_folder, Some(parent))
        };
        self.modules[parent]
            .children
            .insert(name.to_string(), child);
    }

    /// Adds the tree of a `use`, which starts behind the keyword.
    fn parse_use(&mut self, tokens: &[Token], module: usize) {
        // `use ::name` is another crate's.
        if text(tokens, 0) != "::" {
            self.parse_use_tree(tokens, 0, &[], module);
        }
    }

    /// Returns the position behind the tree.
    fn parse_use_tree(
        &mut self,
        tokens: &[Token],
        start: usize,
        prefix: &[String],
        module: usize,
    ) -> usize {
        let mut segments = prefix.to_vec();
        let mut at = start;
        loop {
            match text(tokens, at) {
                "::" => at += 1,
                "{" => {
                    at += 1;
                    while !["}", ""].contains(&text(tokens, at)) {
                        at = self.parse_use_tree(tokens, at, &segments, module);
                        at += usize::from(text(tokens, at) == ",");
                    }
                    return at + 1;
                }
                "*" => {
                    self.modules[module].globs.push(segments);
                    return at + 1;
                }
                segment => {
                    segments.push(segment.to_string());
                    at += 1;
                    if text(tokens, at) != "::" {
                        break;
                    }
                }
            }
        }
        let line = tokens[at - 1].line;
        if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
            segments.pop();
        }
        let mut name = segments.last().cloned().unwrap_or_default();
        if text(tokens, at) == "as" {
            name = text(tokens, at + 1).to_string();
            at += 2;
        }
        let module = &mut self.modules[module];
        if name != "_" {
            module.imports.entry(name).or_insert(segments.clone());
        }
        module.paths.push(WrittenPath { segments, line });
        at
    }

    /// Adds the paths and words of an item.
    fn parse_body(&mut self, tokens: &[Token], module: usize) {
        let mut at = 0;
        while at < tokens.len() {
            let Token { text: word, line } = &tokens[at];
            let before = match at {
                0 => "",
                at => text(tokens, at - 1),
            };
            if word == "use" && is_name(text(tokens, at + 1)) {
                let end = item_end(tokens, at);
                self.parse_use(&tokens[at + 1..end], module);
                at = end;
                continue;
            }
            at += 1;
            if !is_name(word) || [".", "::"].contains(&before) {
                continue;
            }
            let mut segments = vec![word.clone()];
            while text(tokens, at) == "::" && is_name(text(tokens, at + 1)) {
                segments.push(text(tokens, at + 1).to_string());
                at += 2;
            }
            let line = *line;
            let module = &mut self.modules[module];
            if segments.len() > 1 {
                module.paths.push(WrittenPath { segments, line });
                continue;
            }
            if text(tokens, at) == "!" {
                module.words.push((format!("{word}!"), line));
            }
            module.words.push((word.clone(), line));
        }
    }

    /// What `segments` name in `module`; `None` for another crate's items.
    fn resolve(&self, segments: &[String], module: usize, visited: &Visited) -> Option<Resolved> {
        let (first, rest) = segments.split_first()?;
        let mut found = match first.as_str() {
            "crate" => Resolved::Module(0),
            "self" => Resolved::Module(module),
            "super" => Resolved::Module(self.modules[module].parent?),
            name => self.lookup(name, module, !rest.is_empty(), visited)?,
        };
        for (at, name) in rest.iter().enumerate() {
            let Resolved::Module(within) = found else {
                break;
            };
            let is_prefix = at + 1 < rest.len();
            found = match name.as_str() {
                "super" => Resolved::Module(self.modules[within].parent?),
                name => self.lookup(name, within, is_prefix, visited)?,
            };
        }
        Some(found)
    }

    /// What `name` is in `module`. A prefix of a path is a module, where there is
    /// a module and another item of this name.
    fn lookup(
        &self,
        name: &str,
        module: usize,
        is_prefix: bool,
        visited: &Visited,
    ) -> Option<Resolved> {
        let visited = visited.with(module, name)?;
        let scope = &self.modules[module];
        let child = scope.children.get(name).copied().map(Resolved::Module);
        let item = || Resolved::Item(module, name.to_string());
        let item = scope.items.contains(name).then(item);
        let own = if is_prefix {
            child.or(item)
        } else {
            item.or(child)
        };
        if own.is_some() {
            return own;
        }
        if let Some(path) = scope.imports.get(name) {
            return self.resolve(path, module, &visited);
        }
        scope
            .globs
            .iter()
            .find_map(|glob| match self.resolve(glob, module, &visited) {
                Some(Resolved::Module(target)) if target != module => {
                    self.lookup(name, target, is_prefix, &visited)
                }
                _ => None,
            })
    }

    /// Dependencies between the files of the crate: a file depends on the file
    /// that defines an item it names. Re-exports are followed.
    pub fn file_graph(&self) -> FileGraph {
        let mut graph = FileGraph::new();
        for (at, module) in self.modules.iter().enumerate() {
            graph.entry(module.file.clone()).or_default();
            let paths = module.paths.iter().map(|path| {
                let found = self.resolve(&path.segments, at, &Visited::default());
                (found, path.line)
            });
            let words = module
                .words
                .iter()
                .map(|(word, line)| (self.resolve_word(word, at), *line));
            for (found, line) in paths.chain(words) {
                let Some(Resolved::Item(target, name)) = found else {
                    continue;
                };
                let target = &self.modules[target].file;
                if target != &module.file {
                    let edges = graph.entry(module.file.clone()).or_default();
                    let names = edges.entry(target.clone()).or_default();
                    names.insert((name, line));
                }
            }
        }
        graph
    }

    /// What a name alone stands for, unless `use` or the module declares it.
    fn resolve_word(&self, word: &str, module: usize) -> Option<Resolved> {
        if let Some(name) = word.strip_suffix('!') {
            let defined_in = *self.macros.get(name)?;
            return Some(Resolved::Item(defined_in, name.to_string()));
        }
        let scope = &self.modules[module];
        if scope.globs.is_empty() || scope.imports.contains_key(word) {
            return None;
        }
        self.lookup(word, module, false, &Visited::default())
    }

    /// Paths that start with `crate`, `self` or `super` and lead to no module or
    /// item: this parser did not understand a definition.
    pub fn unresolved(&self) -> Vec<String> {
        let mut unresolved = Vec::new();
        for (at, module) in self.modules.iter().enumerate() {
            for WrittenPath { segments, line } in &module.paths {
                let is_own = ["crate", "self", "super"].contains(&segments[0].as_str());
                let found = self.resolve(segments, at, &Visited::default());
                if is_own && found.is_none() && !self.leads_outside(segments, at) {
                    let path = segments.join("::");
                    unresolved.push(format!("{}:{line}: {path}", module.file));
                }
            }
        }
        unresolved
    }

    /// Whether a segment is a re-export of another crate's item, or a name that a
    /// macro of its module may define.
    fn leads_outside(&self, segments: &[String], module: usize) -> bool {
        (1..segments.len()).any(|end| {
            let prefix = self.resolve(&segments[..end], module, &Visited::default());
            let Some(Resolved::Module(within)) = prefix else {
                return false;
            };
            let scope = &self.modules[within];
            let name = &segments[end];
            let in_macro = scope.words.iter().any(|(word, _)| word == name);
            scope.imports.contains_key(name) || in_macro
        })
    }
}

/// Names that the current look-up has passed, which ends circles of re-exports.
#[derive(Clone, Default)]
struct Visited(BTreeSet<(usize, String)>);

impl Visited {
    /// `None` if the look-up has passed `name` of `module` before.
    fn with(&self, module: usize, name: &str) -> Option<Self> {
        let mut visited = self.clone();
        let is_new = visited.0.insert((module, name.to_string()));
        is_new.then_some(visited)
    }
}

/// Position of the keyword that says what an item is.
fn behind_qualifiers(item: &[Token]) -> usize {
    let mut at = behind_visibility(item, 0);
    loop {
        let next = text(item, at + 1);
        at += match text(item, at) {
            "unsafe" | "async" | "default" | "auto" => 1,
            "const" if is_function_qualifier(next) => 1,
            "extern" if next == "\"\"" => 2,
            _ => return at,
        };
    }
}
