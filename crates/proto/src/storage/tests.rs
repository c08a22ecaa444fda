//! Restarts, names, and files that were torn, flipped and cut.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::*;

/// A state directory that is gone when the test ends.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    /// The directory of node `n1`.
    fn dir(&self) -> PathBuf {
        self.0.path().join("n1")
    }

    fn open(&self, node: &str) -> Result<(Storage, Records), StorageError> {
        let mut storage = Storage::new(self.0.path().to_owned());
        let records = storage.open(&NodeId::new(node))?;
        Ok((storage, records))
    }
}

fn put(key: &str, value: &str) -> Write {
    Write::Put { key: key.into(), value: value.into() }
}

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let scratch = Scratch::new();
    let (mut storage, records) = scratch.open("n1").unwrap();
    assert_eq!(records, Records::new());
    let writes = vec![put("a", "1"), put("b", "2"), put("c", "3"), put("a", "4")];
    storage.commit(&writes).unwrap();
    let (from, to) = (b"b".to_vec(), b"c".to_vec());
    storage.commit(&[Write::DeleteRange { from: from.clone(), to: to.clone() }]).unwrap();
    storage.commit(&[Write::DeleteRange { from: to, to: from }]).unwrap();
    drop(storage);
    let (_, records) = scratch.open("n1").unwrap();
    let expected = [("a", "4"), ("c", "3")].map(|(key, value)| (key.into(), value.into()));
    assert_eq!(records, Records::from(expected));
}

#[test]
fn nodes_do_not_see_each_others_records() {
    let scratch = Scratch::new();
    let (mut first, _) = scratch.open("n1").unwrap();
    let (_second, records) = scratch.open("n2").unwrap();
    first.commit(&[put("a", "1")]).unwrap();
    assert_eq!(records, Records::new());
}

#[test]
fn two_processes_cannot_share_the_records_of_a_node() {
    let scratch = Scratch::new();
    let _first = scratch.open("n1").unwrap();
    assert!(matches!(scratch.open("n1"), Err(StorageError::Failed { .. })));
}

#[test]
fn a_name_that_is_no_directory_name_is_refused() {
    let scratch = Scratch::new();
    for name in ["", "/", ".", "..", "a/b", "/etc", "n1/", "./n1", "n\0"] {
        let opened = scratch.open(name);
        assert!(matches!(opened, Err(StorageError::BadName(_))), "{name:?}");
    }
    for name in ["n1", "...", "a b", "ü"] {
        assert!(scratch.open(name).is_ok(), "{name:?}");
    }
}

#[test]
fn a_crash_while_the_file_is_made_leaves_nothing_behind() {
    let scratch = Scratch::new();
    let dir = scratch.dir();
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join(NEW_FILE_NAME), "half a fi").unwrap();
    assert_eq!(scratch.open("n1").unwrap().1, Records::new());
    assert!(!dir.join(NEW_FILE_NAME).exists());
}

/// The records after `commits` commits, each of which sets two keys.
fn records_after(commits: u64) -> Records {
    let mut records = Records::new();
    for write in (0..commits).flat_map(commit_number) {
        write.apply(&mut records);
    }
    records
}

fn commit_number(number: u64) -> [Write; 2] {
    let value = format!("{number} ").repeat(700);
    [put("last", &number.to_string()), put(&format!("key {number}"), &value)]
}

const COMMITS: u64 = 60;

/// The file of node `n1` after some commits, as a kill at that moment leaves it.
struct Images {
    /// After all but the newest commit.
    before: Vec<u8>,
    /// After the newest commit.
    killed: Vec<u8>,
    /// After the newest commit and an orderly end.
    closed: Vec<u8>,
}

fn images(scratch: &Scratch) -> Images {
    let file = scratch.dir().join(FILE_NAME);
    let (mut storage, _) = scratch.open("n1").unwrap();
    let mut before = Vec::new();
    for number in 0..COMMITS {
        before = fs::read(&file).unwrap();
        storage.commit(&commit_number(number)).unwrap();
    }
    let killed = fs::read(&file).unwrap();
    drop(storage);
    Images { before, killed, closed: fs::read(&file).unwrap() }
}

/// How often damaged files were read in full, without the newest commit, or not at all.
#[derive(Default, PartialEq, Debug)]
struct Tally {
    whole: u32,
    without_newest: u32,
    refused: u32,
}

/// Opens many copies of `image`, each damaged with another seed. Panics if anything is read
/// that was never there.
fn open_damaged(
    scratch: &Scratch,
    image: &[u8],
    damage: impl Fn(&mut Vec<u8>, &mut Xoshiro256PlusPlus),
) -> Tally {
    let mut tally = Tally::default();
    for seed in 0..60 {
        let mut damaged = image.to_vec();
        damage(&mut damaged, &mut Xoshiro256PlusPlus::seed_from_u64(seed));
        fs::write(scratch.dir().join(FILE_NAME), damaged).unwrap();
        match scratch.open("n1") {
            Ok((_, records)) if records == records_after(COMMITS) => tally.whole += 1,
            Ok((_, records)) if records == records_after(COMMITS - 1) => {
                tally.without_newest += 1;
            }
            Ok((_, records)) => panic!("seed {seed}: read {records:?}"),
            Err(StorageError::Damaged { .. }) => tally.refused += 1,
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    tally
}

#[test]
fn a_commit_of_which_only_some_sectors_reached_the_disk_is_cut_off() {
    const SECTOR_BYTES: usize = 512;
    let scratch = Scratch::new();
    let Images { before, killed, .. } = images(&scratch);
    let tally = open_damaged(&scratch, &killed, |image, random| {
        let sectors = image.chunks_mut(SECTOR_BYTES).zip(before.chunks(SECTOR_BYTES));
        for (new, old) in sectors.filter(|(new, old)| new != old) {
            if random.random() {
                new.copy_from_slice(old);
            }
        }
    });
    assert_eq!(tally.refused, 0, "{tally:?}");
    assert!(tally.without_newest > 0, "{tally:?}");
}

#[test]
fn a_flipped_bit_is_never_read() {
    let scratch = Scratch::new();
    let Images { killed, closed, .. } = images(&scratch);
    for image in [killed, closed] {
        let used = image.iter().rposition(|byte| *byte != 0).unwrap();
        let tally = open_damaged(&scratch, &image, |image, random| {
            image[random.random_range(0..=used)] ^= 1 << random.random_range(0..8);
        });
        assert!(tally.refused > 0 && tally.whole > 0, "{tally:?}");
    }
}

#[test]
fn a_file_cut_short_is_refused() {
    let scratch = Scratch::new();
    let Images { killed, closed, .. } = images(&scratch);
    for image in [killed, closed] {
        let tally = open_damaged(&scratch, &image, |image, random| {
            image.truncate(random.random_range(1..image.len()));
        });
        assert_eq!(tally, Tally { refused: 60, ..Tally::default() });
    }
}

#[test]
fn an_empty_file_is_refused() {
    let scratch = Scratch::new();
    let Images { closed, .. } = images(&scratch);
    let tally = open_damaged(&scratch, &closed, |image, _| image.clear());
    assert_eq!(tally, Tally { refused: 60, ..Tally::default() });
}

#[test]
fn no_damage_makes_a_panic_or_is_read() {
    const PAGE_BYTES: usize = 4096;
    let scratch = Scratch::new();
    let Images { killed, closed, .. } = images(&scratch);
    for image in [killed, closed] {
        let used = image.iter().rposition(|byte| *byte != 0).unwrap();
        let pages = used / PAGE_BYTES;
        // Noise over some bytes, most often where the file tells how it is laid out.
        let noise = open_damaged(&scratch, &image, |image, random| {
            let end = if random.random() { 512 } else { used };
            let start = random.random_range(0..end);
            let length = random.random_range(1..64.min(image.len() - start));
            random.fill(&mut image[start..start + length]);
        });
        let zeros = open_damaged(&scratch, &image, |image, random| {
            let start = random.random_range(0..used);
            let length = random.random_range(1..PAGE_BYTES.min(image.len() - start));
            image[start..start + length].fill(0);
        });
        let swapped = open_damaged(&scratch, &image, |image, random| {
            let [from, to] = [0, 1].map(|_| random.random_range(0..=pages) * PAGE_BYTES);
            image.copy_within(from..(from + PAGE_BYTES).min(used), to);
        });
        for tally in [noise, zeros, swapped] {
            assert!(tally.refused > 0, "{tally:?}");
        }
    }
}

#[test]
fn the_records_of_another_node_are_refused() {
    let scratch = Scratch::new();
    let (mut storage, _) = scratch.open("n1").unwrap();
    storage.commit(&[put("a", "1")]).unwrap();
    drop(storage);
    fs::rename(scratch.dir(), scratch.0.path().join("n2")).unwrap();
    for _ in 0..2 {
        let Err(error) = scratch.open("n2") else { panic!("n1's records are taken as n2's") };
        let text = error.to_string();
        assert!(text.contains("the records of node n1, not of n2"), "{text}");
    }
    fs::rename(scratch.0.path().join("n2"), scratch.dir()).unwrap();
    assert_eq!(scratch.open("n1").unwrap().1.len(), 1);
}

#[test]
fn a_file_of_an_earlier_version_belongs_to_who_opens_it_first() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.dir()).unwrap();
    let database = Database::create(scratch.dir().join(FILE_NAME)).unwrap();
    write_records(&database, &[put("a", "1")]).unwrap();
    drop(database);
    assert_eq!(scratch.open("n1").unwrap().1.len(), 1);
    fs::rename(scratch.dir(), scratch.0.path().join("n2")).unwrap();
    assert!(matches!(scratch.open("n2"), Err(StorageError::Foreign { .. })));
}
