import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A node for the workloads echo, unique-ids and broadcast.
 *
 * Java has no JSON of its own: fields are found by pattern, which is enough for these messages. For
 * more, put a JSON library on the class path.
 */
public final class Node {
    /** One line a message, and nothing stays in a buffer. */
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    private String id = "";
    private List<String> neighbours = new ArrayList<>();
    private final Set<String> values = new LinkedHashSet<>();
    /** A node that was killed and started again must not repeat itself: its ids begin with its start. */
    private final long started = System.currentTimeMillis();
    private int count = 0;

    public static void main(String[] arguments) throws IOException {
        Node node = new Node();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            // stdout is for messages only; what is for people goes to stderr.
            System.err.println(line);
            node.receive(line);
        }
    }

    private void receive(String line) {
        String source = text(line, "src");
        String reply = answer(source, text(line, "type"), line);
        String request = value(line, "msg_id");
        if (!request.equals("null")) {
            send(source, reply + ",\"in_reply_to\":" + request);
        }
    }

    /** The fields of the reply to a request. */
    private String answer(String source, String type, String line) {
        switch (type) {
            case "init":
                id = text(line, "node_id");
                return "\"type\":\"init_ok\"";
            case "echo":
                return "\"type\":\"echo_ok\",\"echo\":" + value(line, "echo");
            case "generate":
                return "\"type\":\"generate_ok\",\"id\":\"" + id + "-" + started + "-" + count++ + "\"";
            case "topology":
                neighbours = new ArrayList<>();
                Matcher names = Pattern.compile("\"([^\"]*)\"").matcher(value(line, id));
                while (names.find()) {
                    neighbours.add(names.group(1));
                }
                return "\"type\":\"topology_ok\"";
            case "broadcast":
                String message = value(line, "message");
                if (values.add(message)) {
                    // What is lost on its way is not sent again: `--nemesis partition` finds out.
                    for (String peer : neighbours) {
                        if (!peer.equals(source)) {
                            send(peer, "\"type\":\"broadcast\",\"message\":" + message);
                        }
                    }
                }
                return "\"type\":\"broadcast_ok\"";
            case "read":
                return "\"type\":\"read_ok\",\"messages\":[" + String.join(",", values) + "]";
            default:
                return "\"type\":\"error\",\"code\":10,\"text\":\"unknown type " + type + "\"";
        }
    }

    private void send(String dest, String fields) {
        OUT.println("{\"src\":\"" + id + "\",\"dest\":\"" + dest + "\",\"body\":{" + fields + "}}");
    }

    /** The value of a field as it is written: a string, a flat list, a number or word; null if there is none. */
    private static String value(String line, String field) {
        String string = "\"(?:[^\"\\\\]|\\\\.)*\"";
        String either = string + "|\\[[^\\]]*\\]|[^,}\\]\\s]+";
        Matcher matcher = Pattern.compile("\"" + Pattern.quote(field) + "\"\\s*:\\s*(" + either + ")").matcher(line);
        return matcher.find() ? matcher.group(1) : "null";
    }

    /** The value of a field that is a string without escapes. */
    private static String text(String line, String field) {
        String value = value(line, field);
        return value.startsWith("\"") ? value.substring(1, value.length() - 1) : value;
    }
}
