//! The languages that `eddy new` knows: which files a node has, how it is built, and what is run.

use clap::ValueEnum;

/// A language for a new node. Its files are in `skeletons/`, in the directory of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Python 3, without any package
    Python,
    /// Go, with its standard library
    Go,
    /// Rust, with `serde_json`
    Rust,
    /// JavaScript for Node.js, without any package
    #[value(alias = "js", alias = "node")]
    Javascript,
    /// Ruby, with its standard library
    Ruby,
    /// Java, with its standard library
    Java,
    /// POSIX shell
    #[value(alias = "sh")]
    Shell,
}

impl Language {
    /// The directory of its files.
    pub(super) fn directory(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Go => "go",
            Self::Rust => "rust",
            Self::Javascript => "javascript",
            Self::Ruby => "ruby",
            Self::Java => "java",
            Self::Shell => "shell",
        }
    }

    /// The command that builds a node in the directory, if it has to be built. `{}` stands for it.
    pub(super) fn build(self) -> Option<&'static str> {
        match self {
            Self::Go => Some("(cd {} && go build -o node .)"),
            Self::Rust => Some("cargo build --release --manifest-path {}/Cargo.toml"),
            Self::Java => Some("javac {}/Node.java"),
            Self::Python | Self::Javascript | Self::Ruby | Self::Shell => None,
        }
    }

    /// The program to run, in the directory of the node.
    pub(super) fn program(self) -> &'static str {
        match self {
            Self::Python => "node.py",
            Self::Go => "node",
            Self::Rust => "target/release/node",
            Self::Javascript => "node.js",
            Self::Ruby => "node.rb",
            Self::Java | Self::Shell => "node.sh",
        }
    }
}
