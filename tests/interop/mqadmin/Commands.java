import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.apache.rocketmq.tools.command.MQAdminStartup;

/** Runs the tool's commands one after another: a line of options, split at tabs, for a line of output in Base64. */
public final class Commands extends MQAdminStartup {
    public static void main(String[] args) {
        PrintStream answers = System.out;
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        lines.lines().forEach(line -> {
            ByteArrayOutputStream said = new ByteArrayOutputStream();
            PrintStream screen = new PrintStream(said, true, StandardCharsets.UTF_8);
            System.setOut(screen);
            System.setErr(screen);
            SUB_COMMANDS.clear(); // a command keeps what it connected with; each run is to begin anew
            main0(line.split("\t", -1), null);
            screen.flush();
            answers.println(Base64.getEncoder().encodeToString(said.toByteArray()));
            answers.flush();
        });
        System.exit(0);
    }
}
