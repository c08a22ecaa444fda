//! No file imports another that imports it in turn, but parent and child: what cannot be read alone is
//! one thing in several files. Where two files need each other, what both need goes into a third, or the
//! one that is a part of the other below it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A file by its path of modules within its crate.
type Module = Vec<String>;
/// What each file imports, parents and children left out.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

#[test]
fn no_file_imports_another_that_imports_it_in_turn() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let circles = packages(&root).into_iter().map(|package| {
        let circular = circular(&imports(&root.join(&package).join("src")));
        (package, circular)
    });
    let found: BTreeMap<_, _> = circles.filter(|(_, circular)| !circular.is_empty()).collect();
    assert!(found.is_empty(), "files that can reach themselves, by package: {found:#?}");
}

#[test]
fn a_circle_of_files_is_found_whatever_way_imports_are_written() {
    let directory = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = directory.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("lib.rs", "mod a;\n#[cfg(test)]\nmod tests;\npub use a::b::B;\n");
    write("a/mod.rs", "mod b;\nmod c;\nuse self::b::B;\n");
    write("a/b.rs", "use std::fmt;\n\npub(crate) use super::{\n    A,\n    c::{self, C},\n};\n");
    write("a/c.rs", "use crate::d::D;\n");
    write("d.rs", "#[cfg(test)]\nmod tests;\n\nuse crate::a::{b::B, A};\n");
    write("e.rs", "use crate::a::A;\n#[cfg(test)]\nmod tests {\n    use crate::f::F;\n}\n");
    write("f.rs", "use crate::e::E;\n");
    write("g.rs", "fn g() -> crate::h::H {\n    crate::h::H::new()\n}\n");
    write("h.rs", "#[serde(with = \"super::g\")]\nstruct H;\n// Not crate::i::I.\n");
    write("i.rs", "use crate::h::H;\n");
    let circular = circular(&imports(directory.path()));
    assert_eq!(circular, ["a::b", "a::c", "d", "g", "h"].map(str::to_owned).into());
}

/// The directories of the workspace's packages.
fn packages(root: &Path) -> Vec<String> {
    let within = |group: &str| {
        let packages =
            entries(&root.join(group)).into_iter().filter(|path| path.join("src").is_dir());
        let named = |path: PathBuf| format!("{group}/{}", stem(&path));
        packages.map(named).collect::<Vec<_>>()
    };
    let alone = ["maelstrom-tests", "maelstrom-tests/corpus"].map(str::to_owned);
    [within("crates"), within("bins"), alone.to_vec()].concat()
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the sources are there");
    entries.map(|entry| entry.expect("a directory can be read").path()).collect()
}

/// The name of a file without its extension.
fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Every file below a directory with what it imports of the others.
fn imports(src: &Path) -> Imports {
    let mut texts = BTreeMap::new();
    read(src, &Module::new(), &mut texts);
    let imported = |module: &Module, text: &str| {
        let paths = uses(text).into_iter().filter_map(|path| resolve(module, &path));
        let files = paths.filter_map(|path| {
            // The longest part of the path that is a file.
            let lengths = (0..=path.len()).rev();
            lengths.map(|length| path[..length].to_vec()).find(|part| texts.contains_key(part))
        });
        files.filter(|file| !file.starts_with(module) && !module.starts_with(file)).collect()
    };
    texts.iter().map(|(module, text)| (module.clone(), imported(module, text))).collect()
}

fn read(directory: &Path, module: &Module, texts: &mut BTreeMap<Module, String>) {
    for path in entries(directory) {
        let name = stem(&path);
        let inner = [module.clone(), vec![name.clone()]].concat();
        if path.is_dir() {
            read(&path, &inner, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let is_root = ["mod", "lib", "main"].contains(&&*name);
            let text = fs::read_to_string(&path).expect("a source file is text");
            texts.entry(if is_root { module.clone() } else { inner }).or_default().push_str(&text);
        }
    }
}

/// The paths that a file imports or writes out; those of its tests and comments do not count.
fn uses(text: &str) -> Vec<Vec<String>> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code = |line: &&str| !line.trim_start().starts_with("//");
    let text: String = text.lines().filter(code).flat_map(|line| [line, "\n"]).collect();
    let mut paths = Vec::new();
    for (at, _) in text.match_indices("use ") {
        let line = text[..at].rsplit('\n').next().unwrap_or_default().trim_start();
        if line.is_empty() || line == "pub " || line.starts_with("pub(") {
            let tree = text[at + 4..].split(';').next().unwrap_or_default();
            spread(&[], &tree.split_whitespace().collect::<String>(), &mut paths);
        }
    }
    for root in ["crate::", "super::"] {
        for (at, _) in text.match_indices(root) {
            let is_part =
                |character: char| character.is_alphanumeric() || "_:$".contains(character);
            if !text[..at].ends_with(is_part) {
                let path = text[at..].split(|character| !is_part(character)).next();
                let names = path.unwrap_or_default().split("::").filter(|name| !name.is_empty());
                paths.push(names.map(str::to_owned).collect());
            }
        }
    }
    paths
}

/// Takes a tree of imports apart into paths.
fn spread(before: &[&str], tree: &str, paths: &mut Vec<Vec<String>>) {
    let (head, group) =
        tree.split_once('{').map_or((tree, None), |(head, rest)| (head, Some(rest)));
    let names = head.split("::").filter(|name| !name.is_empty());
    let path: Vec<&str> = before.iter().copied().chain(names).collect();
    let Some(group) = group.and_then(|rest| rest.strip_suffix('}')) else {
        return paths.push(path.into_iter().map(str::to_owned).collect());
    };
    let (mut depth, mut start) = (0_usize, 0);
    for (at, character) in group.char_indices().chain([(group.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if start < at {
                    spread(&path, &group[start..at], paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// A path from the root of the crate; nothing if it leads out of it.
fn resolve(module: &Module, path: &[String]) -> Option<Module> {
    let mut names = path.iter().peekable();
    let mut at = match names.next()?.as_str() {
        "crate" => Module::new(),
        "self" => module.clone(),
        "super" => module[..module.len().checked_sub(1)?].to_vec(),
        _ => return None,
    };
    while names.next_if(|name| *name == "super").is_some() {
        at.pop()?;
    }
    at.extend(names.filter(|name| *name != "self").cloned());
    Some(at)
}

/// The files that can reach themselves along imports.
fn circular(imports: &Imports) -> BTreeSet<String> {
    let reaches_itself = |start: &Module| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&Module> = imports[start].iter().collect();
        while let Some(module) = open.pop() {
            if seen.insert(module) {
                open.extend(&imports[module]);
            }
        }
        seen.contains(start)
    };
    imports.keys().filter(|module| reaches_itself(module)).map(|module| module.join("::")).collect()
}
