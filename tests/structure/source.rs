//! The files of a crate, without their tests.

use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Item};

/// One file of a crate.
pub struct Source {
    /// Relative to the repository.
    pub path: PathBuf,
    /// Its module, as `campaign::decide`; empty for `lib.rs`.
    pub module: String,
    text: String,
    items: Vec<Item>,
}

/// Every file of the operator's library, but those that hold only tests.
pub fn all() -> Vec<Source> {
    let sources = of("src");
    assert!(sources.len() > 100, "the sources are elsewhere by now");
    sources
}

/// Every file of a library in this folder, but those that hold only tests.
pub fn of(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut sources = Vec::new();
    collect(&root, &root, &mut sources);
    let tests: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    sources.retain(|source| {
        !tests.iter().any(|tests| source.module == *tests || source.is_in(tests))
            && source.module != "main"
            && !source.is_in("bin")
    });
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(Source::read(root, &path));
        }
    }
}

impl Source {
    fn read(root: &Path, path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let items = syn::parse_file(&text).unwrap().items;
        let inside = path.strip_prefix(root).unwrap().with_extension("");
        let name = inside.to_str().unwrap().replace('/', "::");
        let path = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_owned();
        let module = name.strip_suffix("::mod").unwrap_or(&name);
        let module = if module == "lib" { String::new() } else { module.to_owned() };
        Self { path, module, text, items }
    }

    /// Whether it is this module, or one inside it.
    pub fn is_in(&self, module: &str) -> bool {
        self.module == module || self.module.starts_with(&format!("{module}::"))
    }

    /// The child of a module through which the way to this file leads.
    pub fn child_of(&self, parent: &str) -> Option<&str> {
        let inside = match parent {
            "" => &self.module,
            parent => self.module.strip_prefix(parent)?.strip_prefix("::")?,
        };
        inside.split("::").next().filter(|child| !child.is_empty())
    }

    /// Its items, without tests.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| !is_test(attributes(item)))
    }

    /// Its lines, without tests.
    pub fn code(&self) -> String {
        let tests = self.items.iter().filter(|item| is_test(attributes(item)));
        let tests: Vec<_> = tests.map(|item| item.span().start().line..=item.span().end().line).collect();
        let lines = self.text.lines().enumerate();
        let kept = lines.filter(|(line, _)| !tests.iter().any(|test| test.contains(&(line + 1))));
        kept.map(|(_, line)| format!("{line}\n")).collect()
    }

    /// Name and number of lines of each of its functions.
    pub fn functions(&self) -> Vec<(String, usize)> {
        let mut functions = Functions(Vec::new());
        self.items().for_each(|item| functions.visit_item(item));
        functions.0
    }

    /// The modules that it declares for tests.
    fn test_modules(&self) -> Vec<String> {
        let modules = self.items.iter().filter(|item| is_test(attributes(item)));
        let names = modules.filter_map(|item| match item {
            Item::Mod(module) => Some(module.ident.to_string()),
            _ => None,
        });
        names.map(|name| format!("{}::{name}", self.module)).collect()
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    let cfg_test = |attribute: &Attribute| attribute.meta.to_token_stream().to_string() == "cfg (test)";
    attributes.iter().any(cfg_test)
}

/// The functions of an item, also those of its implementations.
struct Functions(Vec<(String, usize)>);

impl Functions {
    fn note(&mut self, name: &syn::Ident, function: &impl Spanned) {
        let span = function.span();
        self.0.push((name.to_string(), span.end().line - span.start().line + 1));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.note(&function.sig.ident, &(FromSignature(&function.sig, &function.block)));
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.note(&function.sig.ident, &(FromSignature(&function.sig, &function.block)));
        visit::visit_impl_item_fn(self, function);
    }
}

/// A function without its comments and attributes.
struct FromSignature<'a>(&'a syn::Signature, &'a syn::Block);

impl ToTokens for FromSignature<'_> {
    fn to_tokens(&self, tokens: &mut proc_macro2::TokenStream) {
        self.0.to_tokens(tokens);
        self.1.to_tokens(tokens);
    }
}
