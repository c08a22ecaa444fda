//! The cases of the tasks and the skeletons of `eddy new` are embedded; this makes cargo notice new
//! ones too.

fn main() {
    println!("cargo::rerun-if-changed=tasks");
    println!("cargo::rerun-if-changed=skeletons");
}
