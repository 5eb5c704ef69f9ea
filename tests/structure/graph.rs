//! Which file imports from which: `use` lines and paths, followed through re-exports.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Item, Path, UseTree, Visibility};

use crate::source::Source;

/// The imports of each module, by module.
pub struct Graph {
    imports: BTreeMap<String, BTreeSet<String>>,
}

/// What a file names of this crate.
#[derive(Default)]
struct Names {
    /// Absolute paths.
    used: Vec<Vec<String>>,
    /// What a `pub use` gives another address: from the name to the path.
    exported: BTreeMap<String, Vec<String>>,
}

impl Graph {
    /// The imports of these files.
    pub fn of(sources: &[Source]) -> Self {
        let modules: BTreeSet<&str> = sources.iter().map(|source| source.module.as_str()).collect();
        let names: BTreeMap<&str, Names> =
            sources.iter().map(|source| (source.module.as_str(), names(source, &modules))).collect();
        let exported: BTreeMap<(&str, &str), &Vec<String>> = names
            .iter()
            .flat_map(|(module, names)| {
                names.exported.iter().map(|(name, path)| ((*module, name.as_str()), path))
            })
            .collect();
        let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (module, names) in &names {
            let resolved = names.used.iter().map(|path| resolve(path, &modules, &exported));
            let others = resolved.filter(|other| other != module).collect();
            imports.insert((*module).to_owned(), others);
        }
        let count: usize = imports.values().map(BTreeSet::len).sum();
        assert!(count > sources.len(), "the imports are written otherwise by now: {count}");
        Self { imports }
    }

    /// Imports between children of a module that run from a lower layer to a higher, or within one.
    pub fn upward(&self, parent: &str, layers: &[&[&str]]) -> Vec<String> {
        let mut broken = Vec::new();
        for (module, others) in &self.imports {
            for other in others {
                let (Some((from, low)), Some((to, high))) =
                    (layer(module, parent, layers), layer(other, parent, layers))
                else {
                    continue;
                };
                if from != to && low <= high {
                    broken.push(format!("{module} imports from {other}"));
                }
            }
        }
        broken
    }

    /// Files that import each other, perhaps by way of others.
    pub fn circles(&self) -> Vec<BTreeSet<String>> {
        let reached: BTreeMap<&String, BTreeSet<&String>> =
            self.imports.keys().map(|module| (module, self.reach(module))).collect();
        let circle = |module: &&String| -> BTreeSet<String> {
            let mutual = reached[*module].iter().filter(|other| reached[**other].contains(*module));
            mutual.map(|other| (*other).clone()).collect()
        };
        let circles: BTreeSet<_> = reached.keys().map(circle).filter(|circle| circle.len() > 1).collect();
        circles.into_iter().collect()
    }

    fn reach<'a>(&'a self, module: &'a String) -> BTreeSet<&'a String> {
        let mut reached = BTreeSet::new();
        let mut open = vec![module];
        while let Some(next) = open.pop() {
            let new = self
                .imports
                .get(next)
                .into_iter()
                .flatten()
                .filter(|other| self.imports.contains_key(*other));
            open.extend(new.filter(|other| reached.insert(*other)));
        }
        reached
    }

    /// Files that import from more than so many others of their own folder.
    pub fn crowded(&self, most: usize) -> Vec<String> {
        let folder = |module: &str| module.rsplit_once("::").map_or("", |(folder, _)| folder).to_owned();
        let mut crowded = Vec::new();
        for (module, others) in self.imports.iter().filter(|(module, _)| !module.is_empty()) {
            let own = folder(module);
            let of_the_folder: BTreeSet<&str> = others
                .iter()
                .filter(|other| !other.is_empty())
                .filter_map(|other| child_of(other, &own))
                .collect();
            let of_the_folder = of_the_folder.len();
            if of_the_folder > most {
                crowded.push(format!("{module} imports from {of_the_folder} of its folder"));
            }
        }
        crowded
    }
}

/// The child of a module through which the way to another leads, and its layer.
fn layer<'a>(module: &'a str, parent: &str, layers: &[&[&str]]) -> Option<(&'a str, usize)> {
    let child = child_of(module, parent)?;
    Some((child, layers.iter().position(|layer| layer.contains(&child))?))
}

fn child_of<'a>(module: &'a str, parent: &str) -> Option<&'a str> {
    let inside = if parent.is_empty() { module } else { module.strip_prefix(parent)?.strip_prefix("::")? };
    inside.split("::").next().filter(|child| !child.is_empty())
}

/// The module in which something is defined that is named like this.
fn resolve(
    path: &[String],
    modules: &BTreeSet<&str>,
    exported: &BTreeMap<(&str, &str), &Vec<String>>,
) -> String {
    let longest = (0..=path.len()).rev().find(|length| modules.contains(path[..*length].join("::").as_str()));
    let module = path[..longest.unwrap()].join("::");
    let next = path.get(longest.unwrap()).and_then(|name| exported.get(&(module.as_str(), name.as_str())));
    match next {
        Some(elsewhere) if **elsewhere != path => resolve(elsewhere, modules, exported),
        Some(_) | None => module,
    }
}

fn names(source: &Source, modules: &BTreeSet<&str>) -> Names {
    let module = segments(&source.module);
    let mut reader = Reader { module, modules, names: Names::default(), first: BTreeSet::new() };
    source.items().for_each(|item| reader.visit_item(item));
    let Reader { mut names, first, .. } = reader;
    // What a file gives another address, and uses itself, it imports.
    let used = names.exported.iter().filter(|(name, _)| first.contains(*name)).map(|(_, path)| path.clone());
    names.used.extend(used.collect::<Vec<_>>());
    names
}

fn segments(module: &str) -> Vec<String> {
    module.split("::").filter(|segment| !segment.is_empty()).map(ToOwned::to_owned).collect()
}

struct Reader<'a> {
    module: Vec<String>,
    modules: &'a BTreeSet<&'a str>,
    names: Names,
    /// How the paths in the code begin.
    first: BTreeSet<String>,
}

impl Reader<'_> {
    /// The absolute path of one that is written in this file; `None` if it leads to another crate.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let ups = path.iter().take_while(|segment| *segment == "super").count();
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([&self.module, &path[1..]].concat()),
            "super" => Some([&self.module[..self.module.len() - ups], &path[ups..]].concat()),
            first => {
                let child = [self.module.as_slice(), &[first.to_owned()]].concat();
                let is_child = self.modules.contains(child.join("::").as_str());
                is_child.then(|| [self.module.as_slice(), path].concat())
            }
        }
    }

    fn read(&mut self, tree: &UseTree, before: &[String], public: bool) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.read(&path.tree, &with(&path.ident), public),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.read(tree, before, public)),
            UseTree::Name(name) if name.ident == "self" => self.note(before.to_vec(), None, public),
            UseTree::Name(name) => self.note(with(&name.ident), Some(name.ident.to_string()), public),
            UseTree::Rename(rename) => {
                self.note(with(&rename.ident), Some(rename.rename.to_string()), public)
            }
            UseTree::Glob(_) => self.note(before.to_vec(), None, public),
        }
    }

    fn note(&mut self, path: Vec<String>, name: Option<String>, public: bool) {
        let Some(absolute) = self.absolute(&path) else { return };
        if let (Some(name), true) = (name, public) {
            self.names.exported.insert(name, absolute.clone());
        }
        // To give something inside another address is no import.
        if !(public && absolute.starts_with(&self.module)) {
            self.names.used.push(absolute);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if let Item::Use(import) = item {
            self.read(&import.tree, &[], !matches!(import.vis, Visibility::Inherited));
        } else {
            visit::visit_item(self, item);
        }
    }

    /// A path that is written out, as `crate::NAME`; or through a module that was imported or is a child.
    fn visit_path(&mut self, path: &'ast Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.first.extend(segments.first().cloned());
        if segments.len() > 1 && path.leading_colon.is_none() {
            self.note(segments, None, false);
        }
        visit::visit_path(self, path);
    }
}
