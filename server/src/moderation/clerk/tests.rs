//! What is kept, in a real database: SQLite in a folder of its own, or the server of PostgreSQL that
//! `VISAVIS_TEST_DATABASE` names, in which every test makes a database of its own.

use std::net::IpAddr;
use std::num::NonZeroU32;

use rand::SeedableRng as _;
use sqlx::{AnyConnection, Connection as _, Executor as _};
use tempfile::TempDir;
use visavis_protocol::ReportReason;

use super::super::ban::tests::NOW;
use super::super::records::{Page, Part, Party};
use super::*;
use crate::config::DatabaseUrl;

/// A clerk, and what has to live as long.
struct Office {
    clerk: Clerk,
    url: DatabaseUrl,
    _folder: TempDir,
}

const KEEP_DAYS: NonZeroU32 = NonZeroU32::new(90).expect("it is not zero");
const MOST_OPEN: NonZeroU32 = NonZeroU32::new(5).expect("it is not zero");
const HOUR: Duration = Duration::from_secs(3600);
const ALL: Part = Part { after: None, limit: 200 };

async fn clerk(url: &DatabaseUrl) -> Clerk {
    let store = Store::open(url).await.expect("open the database");
    Clerk::new(store, KEEP_DAYS, MOST_OPEN, StdRng::seed_from_u64(rand::random()))
}

async fn office() -> Office {
    let folder = tempfile::tempdir().expect("a folder");
    let url = match std::env::var("VISAVIS_TEST_DATABASE") {
        Ok(server) => postgres(&server).await,
        Err(_) => format!("sqlite:{}", folder.path().join("visavis.db").display()),
    };
    let url: DatabaseUrl = url.parse().expect("a URL");
    Office { clerk: clerk(&url).await, url, _folder: folder }
}

/// A new database on the server with this URL, in which `{}` stands for a database's name.
async fn postgres(server: &str) -> String {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&server.replace("{}", "postgres")).await.expect("connect");
    let name = format!("visavis_{:x}", rand::random::<u64>());
    connection.execute(&*format!("CREATE DATABASE {name}")).await.expect("make a database");
    server.replace("{}", &name)
}

fn party(identity: &str, last: Option<u8>) -> Party {
    let address = last.map(|last| IpAddr::from([192, 0, 2, last]));
    Party { identity: identity.to_owned(), address, name: identity.to_uppercase() }
}

fn said(words: &str) -> NewReport {
    NewReport {
        reporter: party("ada", None),
        reported: party("eve", Some(7)),
        place: "owl".to_owned(),
        reason: ReportReason::Harassment,
        words: words.to_owned(),
    }
}

fn dismissal() -> (Verdict, String) {
    (Verdict::Dismiss, "nothing in it".to_owned())
}

fn verdict(by: BanBy, until: Option<Moment>) -> Verdict {
    Verdict::Ban { by, reason: "harassment".to_owned(), until }
}

impl Office {
    async fn file(&mut self, now: Moment, words: &str) -> String {
        self.clerk.file(now, &said(words)).await.expect("it is kept").into()
    }

    async fn open(&self) -> Vec<Report> {
        self.clerk.store.reports(true, &ALL).await.expect("read").items
    }

    async fn resolved(&self) -> Vec<Report> {
        self.clerk.store.reports(false, &ALL).await.expect("read").items
    }

    async fn banned(&self, now: Moment) -> Vec<String> {
        let mut bans: Vec<_> = self
            .clerk
            .store
            .bans_in_force(now)
            .await
            .expect("read")
            .iter()
            .map(|ban| ban.subject.value())
            .collect();
        bans.sort();
        bans
    }

    async fn actions(&self) -> Vec<AuditAction> {
        self.clerk.store.audit(&ALL).await.expect("read").items.iter().map(|line| line.action).collect()
    }
}

#[tokio::test]
async fn a_report_comes_out_as_it_went_in() {
    let mut office = office().await;
    let words = "'); DROP TABLE reports; --\n\t\"{}\" 🦉 \u{202e}";
    let id = office.file(NOW, words).await;
    let reports = office.open().await;
    let [report] = reports.as_slice() else { panic!("{reports:?}") };
    assert_eq!((&report.id, report.at_ms, report.words.as_str()), (&id, NOW, words));
    assert_eq!((&report.reporter, &report.reported), (&party("ada", None), &party("eve", Some(7))));
    assert_eq!((report.place.as_str(), report.reason.as_str()), ("owl", "harassment"));
    assert_eq!((report.state, &report.resolution), (ReportState::Open, &None));
}

#[tokio::test]
async fn everything_is_there_when_the_database_is_opened_again() {
    let mut office = office().await;
    let id = office.file(NOW, "").await;
    office.clerk.resolve(NOW, "mo", &id, verdict(BanBy::Both, None), String::new()).await.expect("resolved");
    office.clerk.store.insert_block(NOW, "ada", "eve").await.expect("kept");
    office.clerk.store.close().await;
    office.clerk = clerk(&office.url).await;
    assert_eq!(office.banned(NOW).await, ["192.0.2.7/32", "eve"]);
    assert_eq!(office.resolved().await.len(), 1);
    let blocks = office.clerk.store.blocks_since(NOW).await.expect("read");
    assert_eq!(blocks, [("ada".to_owned(), "eve".to_owned())]);
}

#[tokio::test]
async fn the_queue_is_read_in_parts_with_the_oldest_first() {
    let mut office = office().await;
    let mut filed = Vec::new();
    for minute in 0..5 {
        filed.push(office.file(NOW.after(Duration::from_secs(60 * minute)), "").await);
    }
    let mut read = Vec::new();
    let mut after = None;
    loop {
        let part = Part { after, limit: 2 };
        let Page { items, next } = office.clerk.store.reports(true, &part).await.expect("read");
        read.extend(items.into_iter().map(|report| report.id));
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(read, filed);
}

#[tokio::test]
async fn who_wants_to_fill_the_disk_is_refused_until_somebody_has_looked() {
    let mut office = office().await;
    let first = office.file(NOW, "").await;
    for _ in 1..MOST_OPEN.get() {
        office.file(NOW, "").await;
    }
    assert_eq!(office.clerk.file(NOW, &said("")).await, Err(ArchiveError::Full));
    let (verdict, note) = dismissal();
    office.clerk.resolve(NOW, "mo", &first, verdict, note).await.expect("resolved");
    office.file(NOW, "").await;
}

#[tokio::test]
async fn a_report_is_resolved_once() {
    let mut office = office().await;
    let id = office.file(NOW, "").await;
    let (verdict, note) = dismissal();
    let report = office.clerk.resolve(NOW, "mo", &id, verdict.clone(), note.clone()).await.expect("resolved");
    let resolution = Resolution { at_ms: NOW, by: "mo".to_owned(), note: note.clone() };
    assert_eq!((report.state, &report.resolution), (ReportState::Dismissed, &Some(resolution)));
    assert_eq!((office.open().await.len(), office.resolved().await), (0, vec![report]));
    let again = office.clerk.resolve(NOW, "mo", &id, verdict.clone(), note.clone()).await;
    assert_eq!(again, Err(ArchiveError::AlreadyResolved));
    let other = "0199c3f2-8a61-7000-8000-000000000000";
    assert_eq!(office.clerk.resolve(NOW, "mo", other, verdict, note).await, Err(ArchiveError::NotFound));
    assert_eq!(office.actions().await, [AuditAction::ReportResolved]);
}

#[tokio::test]
async fn a_report_may_ban_by_identity_by_address_or_by_both() {
    for (by, banned) in [
        (BanBy::Identity, &["eve"][..]),
        (BanBy::Address, &["192.0.2.7/32"]),
        (BanBy::Both, &["192.0.2.7/32", "eve"]),
    ] {
        let mut office = office().await;
        let id = office.file(NOW, "").await;
        let report =
            office.clerk.resolve(NOW, "mo", &id, verdict(by, None), String::new()).await.expect("resolved");
        assert_eq!(
            (report.state, office.banned(NOW).await),
            (ReportState::Banned, banned.iter().map(|s| (*s).to_owned()).collect())
        );
    }
}

#[tokio::test]
async fn who_has_no_known_address_cannot_be_banned_by_it() {
    let mut office = office().await;
    let report = NewReport { reported: party("eve", None), ..said("") };
    let id: String = office.clerk.file(NOW, &report).await.expect("kept").into();
    let refused = office.clerk.resolve(NOW, "mo", &id, verdict(BanBy::Address, None), String::new()).await;
    assert_eq!(refused, Err(ArchiveError::AddressUnknown));
    assert_eq!(office.open().await.len(), 1, "it is still open");
    office.clerk.resolve(NOW, "mo", &id, verdict(BanBy::Both, None), String::new()).await.expect("resolved");
    assert_eq!(office.banned(NOW).await, ["eve"]);
}

#[tokio::test]
async fn a_ban_ends_when_it_says_and_is_gone_then() {
    let mut office = office().await;
    let id = office.file(NOW, "").await;
    let until = NOW.after(HOUR);
    office
        .clerk
        .resolve(NOW, "mo", &id, verdict(BanBy::Both, Some(until)), String::new())
        .await
        .expect("resolved");
    assert_eq!(office.banned(until.before(Duration::from_millis(1))).await.len(), 2);
    assert_eq!(office.banned(until).await, [""; 0]);
    office.clerk.purge(until).await.expect("purged");
    assert_eq!(office.banned(NOW).await, [""; 0], "it is deleted");
}

#[tokio::test]
async fn a_new_ban_stands_in_place_of_the_old_one_and_both_are_in_the_audit_log() {
    let mut office = office().await;
    let subject = || Subject::of("address", "192.0.2.0/24").expect("a network");
    let ban = |until| NewBan { subject: subject(), reason: "spam".to_owned(), until, report: None };
    let first = office.clerk.ban(NOW, "mo", ban(Some(NOW.after(HOUR)))).await.expect("made");
    let second = office.clerk.ban(NOW, "jo", ban(None)).await.expect("made");
    assert_eq!(office.clerk.store.bans_in_force(NOW).await.expect("read"), std::slice::from_ref(&second));
    assert_eq!(office.clerk.lift(NOW, "jo", &first.id).await, Err(ArchiveError::NotFound));
    office.clerk.lift(NOW, "jo", &second.id).await.expect("lifted");
    assert_eq!(office.banned(NOW).await, [""; 0]);

    let lines = office.clerk.store.audit(&ALL).await.expect("read").items;
    let told: Vec<_> =
        lines.iter().map(|line| (line.moderator.as_str(), line.action, &line.before, &line.after)).collect();
    let [first, second] = [Some(value(&first)), Some(value(&second))];
    assert_eq!(
        told,
        [
            ("jo", AuditAction::BanLifted, &second, &None),
            ("jo", AuditAction::BanMade, &first, &second),
            ("mo", AuditAction::BanMade, &None, &first),
        ]
    );
}

#[tokio::test]
async fn what_is_done_with_is_deleted_after_a_while_and_what_waits_is_not() {
    let mut office = office().await;
    let id = office.file(NOW, "").await;
    let waiting = office.file(NOW, "").await;
    let (verdict, note) = dismissal();
    office.clerk.resolve(NOW, "mo", &id, verdict, note).await.expect("resolved");
    let end = NOW.after(DAY * KEEP_DAYS.get());
    office.clerk.purge(end).await.expect("purged");
    assert_eq!((office.resolved().await.len(), office.actions().await.len()), (1, 1));
    office.clerk.purge(end.after(Duration::from_millis(1))).await.expect("purged");
    assert_eq!((office.resolved().await.len(), office.actions().await.len()), (0, 0));
    assert_eq!(office.open().await.iter().map(|report| &report.id).collect::<Vec<_>>(), [&waiting]);
}

#[tokio::test]
async fn nothing_is_left_of_who_is_forgotten() {
    let mut office = office().await;
    let id = office.file(NOW, "").await;
    office.clerk.resolve(NOW, "mo", &id, verdict(BanBy::Both, None), String::new()).await.expect("resolved");
    let of_others = NewReport { reporter: party("bob", None), reported: party("dan", None), ..said("") };
    office.clerk.file(NOW, &of_others).await.expect("kept");
    office.clerk.store.insert_block(NOW, "eve", "bob").await.expect("kept");
    office.clerk.store.insert_block(NOW, "bob", "dan").await.expect("kept");

    let forgotten = office.clerk.forget(NOW, "mo", "eve").await.expect("forgotten");
    // Resolving it, and the two bans.
    assert_eq!(forgotten, Forgotten { reports: 1, blocks: 1, bans: 1, audit_lines: 3 });
    let lines = office.clerk.store.audit(&ALL).await.expect("read").items;
    assert!(!format!("{lines:?}").contains("eve"), "{lines:?}");
    assert_eq!(office.actions().await, [AuditAction::PersonForgotten]);
    assert_eq!((office.resolved().await.len(), office.open().await.len()), (0, 1));
    assert_eq!(office.clerk.store.blocks_since(NOW).await.expect("read").len(), 1);
    // Whose network it was is not known to be hers.
    assert_eq!(office.banned(NOW).await, ["192.0.2.7/32"]);
}

#[tokio::test]
async fn a_block_that_is_there_stays_as_it_is() {
    let office = office().await;
    let store = &office.clerk.store;
    store.insert_block(NOW, "ada", "eve").await.expect("kept");
    store.insert_block(NOW.after(HOUR), "ada", "eve").await.expect("it is there");
    assert_eq!(store.blocks_since(NOW).await.expect("read").len(), 1);
    assert_eq!(store.blocks_since(NOW.after(HOUR)).await.expect("read").len(), 0);
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_is_said_so() {
    for url in ["sqlite:/none/such/visavis.db", "postgres://nobody@127.0.0.1:1/none"] {
        let opened = Store::open(&url.parse().expect("a URL")).await;
        assert!(matches!(opened, Err(crate::OpenError::Open(_))), "{url}: {opened:?}");
    }
}
