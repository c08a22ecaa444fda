//! Reports as a reader uses them: by keys, and on a telephone. A page of ours has the report in a frame,
//! presses its keys, measures it, and writes down what it found.

use std::fs;
use std::path::Path;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::report::{Run, open};

/// What the script finds in a report that is so many pixels wide; nothing without Chromium. `page` is the
/// report's document, `press` a key on what has the focus, `drawn` waits for the next frames.
fn by_hand(report: &Path, width: u32, script: &str) -> Option<Value> {
    let page = format!(
        r#"<!doctype html><meta charset="utf-8">
<iframe src="report.html" style="width:{width}px;height:800px;border:0"></iframe><script>
addEventListener("load", async () => {{
  const view = document.querySelector("iframe").contentWindow, page = view.document;
  const press = (key) => page.activeElement.dispatchEvent(
    new view.KeyboardEvent("keydown", {{ key, bubbles: true, cancelable: true }}));
  const drawn = () => new Promise((then) => setTimeout(then, 100));
  await drawn();
  const found = await (async () => {{ {script} }})();
  const text = encodeURIComponent(JSON.stringify(found));
  document.body.append(Object.assign(document.createElement("pre"), {{ id: "found", textContent: text }}));
  document.documentElement.dataset.ready = "true";
}});
</script>"#
    );
    let reader = report.with_file_name("reader.html");
    fs::write(&reader, page).expect("the reader is written");
    let document = open(&reader)?.document;
    let (_, found) =
        document.rsplit_once("<pre id=\"found\">").expect("the script found something");
    let (found, _) = found.split_once("</pre>").expect("the document is whole");
    let found = percent_decode_str(found).decode_utf8().expect("UTF-8");
    Some(serde_json::from_str(&found).expect("JSON"))
}

/// Twenty operations, each told to one other node; the message of the eleventh is lost.
fn told_on(name: &str) -> Run {
    let mut run = Run::new(name, json!(true));
    for n in 0..20 {
        let body = json!({"type": "broadcast", "message": n, "msg_id": n});
        run.operation(n * 10, 2, n % 3, json!({"f": "broadcast", "value": n}), "ok");
        run.send(n * 10, "c1", "n1", body, false);
        run.send(n * 10 + 1, "n1", "c1", json!({"type": "broadcast_ok", "in_reply_to": n}), false);
        run.send(n * 10 + 1, "n1", "n2", json!({"type": "gossip", "message": n}), n == 10);
    }
    run
}

#[test]
fn keys_do_what_their_list_says() {
    let run = told_on("keys");
    let report = run.write();
    let script = r#"
        const box = page.querySelector(".diagram-box"), list = page.querySelector("dialog");
        const status = () => page.querySelector(".diagram [role=status]").textContent;
        const chosen = () => page.querySelector(".diagram .details").textContent;
        const found = {};
        press("?"); found.listed = list.open;
        press("?"); found.closed = !list.open;
        page.querySelector("input").focus(); press("?"); found.typed = !list.open;
        box.focus();
        press("c"); found.unchosen = status();
        press("n"); press("n"); found.second = chosen();
        press("p"); found.first = chosen();
        press("l"); found.lost = chosen();
        press("c"); found.operation = status();
        press("Escape"); found.all = status();
        const operations = page.querySelector("[id=operations] .list");
        operations.focus(); press("End"); press("ArrowUp");
        found.row = page.querySelector("[id=operations] .details").textContent;
        press("Enter"); found.sought = page.activeElement === box && page.querySelector(".mark-name").textContent;
        return found;"#;
    let Some(found) = by_hand(&report, 1100, script) else { return };
    for (name, text) in [
        ("unchosen", "Choose a message first"),
        ("first", "c1 → n1 · broadcast"),
        ("second", "n1 → c1 · broadcast_ok"),
        ("lost", "lost: partition\n{\"message\":10}"),
        ("operation", "3 of 60 messages, all of one operation"),
        ("all", "60 messages."),
        ("row", "process 0 · broadcast · ok"),
        ("sought", "here: 0.180 s"),
    ] {
        let is_there = found[name].as_str().is_some_and(|found| found.contains(text));
        assert!(is_there, "{name}: {text:?} is not in {found:#}");
    }
    for name in ["listed", "closed", "typed"] {
        assert_eq!(found[name], true, "{name}: {found:#}");
    }
}

/// A run of 25 nodes with everything that a report draws, told at length.
fn crowded(name: &str) -> Run {
    let mut run = told_on(name);
    let bar = |n: u64| {
        json!({"process": n, "label": format!("write {n}"), "outcome": "ok", "is-wrong": n == 11,
            "start": {"index": 2 * n, "time": n * 1000}, "end": {"index": 2 * n + 1, "time": n * 1000 + 500}})
    };
    let member = |n: u64| {
        json!({"name": format!("T{n}"), "process": n, "events": [n, n + 1],
            "parts": [{"text": "r 2 → [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]", "is-involved": true}]})
    };
    let step = |from: u64| {
        json!({"from": from, "to": 1 - from, "kind": "rw", "meaning": "the next wrote over what it read",
            "about": "key 2: 3, then 4", "why": "T0 read key 2 as [1, 2, 3] and T1 appended 4 to it"})
    };
    let points: Vec<_> = (0..20).map(|n| json!([n * 10_000_000, n % 7])).collect();
    let group = |name: &str, style: &str| json!({"name": name, "style": style, "points": points});
    let drawings = [
        json!({"time-line": {"subject": "register", "states": ["2"], "bars": (0..12).map(bar).collect::<Vec<_>>(),
            "order": (0..8).map(|bar| json!({"bar": bar, "state": bar.to_string()})).collect::<Vec<_>>()}}),
        json!({"cycle": {"members": [member(0), member(1)], "steps": [step(0), step(1)]}}),
        json!({"series": {"axis": "offset", "places": (0..8).map(|n| n.to_string()).collect::<Vec<_>>(),
            "groups": [group("sent", "marks"), group("polled", "line"), group("lost", "wrong"),
                group("skipped", "wrong")]}}),
        json!({"table": {"unit": "ms", "rows": [["min", 0.0], ["p50", 10.0], ["max", 310.0]]}}),
    ];
    let exhibit = |(n, drawing): (usize, &Value)| {
        json!({"name": format!("exhibit-{n}"), "title": "Why", "caption": "What is seen.",
            "is-evidence": true, "drawing": drawing})
    };
    run.results["valid?"] = false.into();
    run.results["exhibits"] = drawings.iter().enumerate().map(exhibit).collect();
    run.results["verdict"]["causes"] = json!(["[1,2,3],".repeat(50)]);
    run.results["problems"] = json!([{"node": "n2", "time": 5_000_000_u64, "kind": "died",
        "text": format!("ended with exit status 101; its last words on stderr: {}", "[1,2,3],".repeat(30)),
        "count": 12}]);
    let nodes: Vec<_> = (0..25).map(|n| format!("n{n}")).collect();
    for node in &nodes {
        run.send(0, "c1", node, json!({"type": "init"}), false);
    }
    let (some, others) = nodes.split_at(12);
    let without = |of: &[String], others: &[String]| {
        of.iter().map(|node| (node.clone(), json!(others))).collect()
    };
    let refused: serde_json::Map<_, _> = [without(some, others), without(others, some)]
        .into_iter()
        .flat_map(|side: Vec<_>| side)
        .collect();
    for (f, value) in
        [("kill", json!(some)), ("partition", json!(["isolated", refused])), ("loss", json!(0.3))]
    {
        run.event(0, json!({"process": "nemesis", "type": "info", "f": format!("start-{f}"), "value": value}));
    }
    let phase = |fault: &str| json!({"fault": fault, "start-time": 0, "end-time": 190_000_000, "invoked": 1000, "ok": 9});
    run.results["fault-phases"] = json!([phase("kill"), phase("partition"), phase("loss")]);
    run
}

#[test]
fn a_report_fits_a_telephone() {
    let run = crowded("telephone");
    let report = run.write();
    let script = r#"
        page.querySelectorAll("details").forEach((folded) => { folded.open = false; });
        const found = { tooWide: page.documentElement.scrollWidth - page.documentElement.clientWidth, flaws: [] };
        for (const svg of page.querySelectorAll(".plot svg")) {
          const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent.trim());
          const places = texts.map((text) => text.getBoundingClientRect()), whole = svg.getBoundingClientRect();
          places.forEach((a, i) => {
            if (a.left < whole.left - 1 || a.right > whole.right + 1) found.flaws.push("outside: " + texts[i].textContent);
            places.slice(0, i).forEach((b, j) => {
              const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
              const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
              if (across > 1 && down > 4) found.flaws.push(texts[i].textContent + " on " + texts[j].textContent);
            });
          });
        }
        const [outer, inner] = [".evidence .scroll", ".wrong"].map((name) => page.querySelector(name).getBoundingClientRect());
        found.isWrongInSight = inner.left >= outer.left && inner.right <= outer.right;
        const sheet = page.querySelector(".sheet").getBoundingClientRect();
        const names = [...page.querySelectorAll(".fault-name")];
        found.names = names.map((name) => name.textContent);
        found.cut = names.filter((name) => name.getBoundingClientRect().left < sheet.left + 80).length;
        found.killed = page.querySelectorAll(".fault.of-node").length;
        return found;"#;
    let Some(found) = by_hand(&report, 390, script) else { return };
    assert_eq!(found["flaws"], json!([]));
    assert_eq!(found["tooWide"], 0, "{found:#}");
    assert_eq!(found["isWrongInSight"], true);
    let names = json!(["kill 12 nodes", "partition 12 | 13 nodes", "loss 30 % of messages"]);
    assert_eq!(found["names"], names);
    assert_eq!(found["cut"], 0);
    assert_eq!(found["killed"], 12);
}

#[test]
fn no_line_crosses_a_time_of_which_nothing_is_known() {
    let mut run = Run::new("gap", json!(true));
    for n in (0..30).chain(60..90) {
        run.operation(n * 100, 2, 0, json!({"f": "echo", "value": n}), "ok");
    }
    run.write();
    let svg = fs::read_to_string(run.directory.path().join("latency-quantiles.svg"))
        .expect("the drawing is there");
    let lines = svg.split('<').filter(|element| element.starts_with("polyline"));
    let of_median = lines.filter(|line| line.contains("#2F6FD1")).count();
    // One in the legend, one before and one after the gap.
    assert_eq!(of_median, 3);
}

#[test]
fn no_label_of_a_message_lies_on_another() {
    let mut run = Run::new("labels", json!(true));
    for n in 0..6 {
        run.send(n, "c1", "n0", json!({"type": "broadcast", "message": n, "msg_id": n}), false);
        // To all at once, as a leader does, and back again.
        for far in 1..25 {
            run.send(
                n,
                "n0",
                &format!("n{far}"),
                json!({"type": "gossip", "message": n}),
                far == 7,
            );
            run.send(n + 1, &format!("n{far}"), "n0", json!({"type": "gossip_ok"}), false);
        }
    }
    let report = run.write();
    let script = r#"
        const middles = [...page.querySelectorAll(".sheet .label")].map((label) => {
          const box = label.getBBox(), at = label.getScreenCTM(), points = [];
          for (let x = box.x; x <= box.x + box.width; x += 4) points.push(new view.DOMPoint(x, box.y + box.height / 2).matrixTransform(at));
          return points;
        });
        const isClose = (a, b) => Math.hypot(a.x - b.x, a.y - b.y) < 7;
        let met = 0;
        middles.forEach((a, i) => middles.slice(0, i).forEach((b) => { if (a.some((p) => b.some((q) => isClose(p, q)))) met++; }));
        return { labels: middles.length, met };"#;
    let Some(found) = by_hand(&report, 1100, script) else { return };
    assert_eq!(found["met"], 0, "{found:#}");
    assert!(found["labels"].as_u64() >= Some(8), "{found:#}");
}
