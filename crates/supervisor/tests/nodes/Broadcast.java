import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.*;
import java.util.concurrent.*;
import java.util.regex.*;

/** Broadcast with a pool of threads and a timer that sends again what was not acknowledged. */
public class Broadcast {
    private static final Pattern NUMBER = Pattern.compile("\"(message|msg_id|in_reply_to)\" *: *(\\d+)");
    private static final Pattern TEXT = Pattern.compile("\"(src|type|node_id)\" *: *\"([^\"]*)\"");
    private static String node = "";
    private static List<String> neighbours = List.of();
    private static final TreeSet<Long> seen = new TreeSet<>();
    private static final TreeMap<Long, String> unacked = new TreeMap<>();
    private static long nextId = 0;

    private static synchronized void send(String dest, String body) {
        System.out.println("{\"src\":\"" + node + "\",\"dest\":\"" + dest + "\",\"body\":{" + body + "}}");
    }

    private static synchronized void again() {
        unacked.values().forEach(System.out::println);
    }

    private static synchronized void handle(String line) {
        Map<String, String> fields = new HashMap<>();
        for (Matcher m = TEXT.matcher(line); m.find(); ) fields.put(m.group(1), m.group(2));
        for (Matcher m = NUMBER.matcher(line); m.find(); ) fields.put(m.group(1), m.group(2));
        String type = fields.get("type"), src = fields.get("src");
        String reply = "\"type\":\"" + type + "_ok\",\"in_reply_to\":" + fields.get("msg_id");
        switch (type) {
            case "init" -> node = fields.get("node_id");
            case "topology" -> {
                Matcher m = Pattern.compile("\"" + node + "\" *: *\\[([^\\]]*)\\]").matcher(line);
                if (m.find()) neighbours = List.of(m.group(1).replaceAll("[\" ]", "").split(","));
            }
            case "broadcast" -> {
                long value = Long.parseLong(fields.get("message"));
                if (seen.add(value)) for (String to : neighbours) if (!to.equals(src)) {
                    long id = ++nextId;
                    unacked.put(id, "{\"src\":\"" + node + "\",\"dest\":\"" + to
                        + "\",\"body\":{\"type\":\"broadcast\",\"message\":" + value + ",\"msg_id\":" + id + "}}");
                    System.out.println(unacked.get(id));
                }
            }
            case "broadcast_ok" -> { unacked.remove(Long.parseLong(fields.get("in_reply_to"))); return; }
            case "read" -> reply += ",\"messages\":" + seen;
        }
        send(src, reply);
    }

    public static void main(String[] args) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(8);
        Executors.newScheduledThreadPool(1, r -> { Thread t = new Thread(r); t.setDaemon(true); return t; })
            .scheduleAtFixedRate(Broadcast::again, 500, 500, TimeUnit.MILLISECONDS);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            String message = line;
            pool.execute(() -> handle(message));
        }
        pool.shutdown();
    }
}
