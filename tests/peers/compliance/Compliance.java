import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import com.sun.net.httpserver.HttpServer;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.platform.engine.FilterResult;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.PostDiscoveryFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * One class of scimono's suite against a service, without the methods that are named after it; the
 * address of the service and a token are two lines of input. An issuer of its own hands the token to
 * the suite, which asks in the query, where OAuth wants a form.
 */
public class Compliance {
  static final String TESTS = "com.sap.scimono.scim.system.tests.";

  public static void main(String[] arguments) throws Exception {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    String address = input.readLine();
    byte[] token = ("{\"access_token\":\"" + input.readLine()
        + "\",\"token_type\":\"Bearer\",\"expires_in\":3600}").getBytes(StandardCharsets.UTF_8);
    HttpServer issuer = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    issuer.createContext("/", exchange -> {
      exchange.getResponseHeaders().set("Content-Type", "application/json");
      exchange.sendResponseHeaders(200, token.length);
      exchange.getResponseBody().write(token);
      exchange.close();
    });
    issuer.start();
    System.setProperty("scim.service.url", address);
    System.setProperty("auth.type", "Oauth");
    System.setProperty("oauth.grant", "client_credentials");
    System.setProperty("oauth.clientId", "suite");
    System.setProperty("oauth.secret", "suite");
    System.setProperty(
        "oauth.service.url", "http://127.0.0.1:" + issuer.getAddress().getPort() + "/token");
    PrintStream report = System.out;
    System.setOut(System.err);
    LauncherDiscoveryRequestBuilder wanted = LauncherDiscoveryRequestBuilder.request()
        .selectors(selectClass(TESTS + arguments[0]))
        .filters((PostDiscoveryFilter) test -> {
          String id = test.getUniqueId().toString();
          boolean wantedHere = Stream.of(arguments).skip(1).noneMatch(id::contains);
          if (!wantedHere) {
            report.println(name(id) + "\tleft out");
          }
          return FilterResult.includedIf(wantedHere);
        });
    Launcher launcher = LauncherFactory.create();
    launcher.execute(wanted.build(), new TestExecutionListener() {
      @Override
      public void executionFinished(TestIdentifier test, TestExecutionResult result) {
        boolean passed = result.getStatus() == TestExecutionResult.Status.SUCCESSFUL;
        if (test.isTest() || !passed) {
          report.println(name(test.getUniqueId()) + "\t" + (passed ? "as wanted"
              : String.valueOf(result.getThrowable().orElse(null)).replaceAll("\\s+", " ")));
        }
      }
    });
    report.flush();
    System.exit(0);
  }

  static String name(String id) {
    return id.replaceAll("\\[engine:junit-jupiter]/?|\\[class:" + TESTS.replace(".", "\\.") + "|]", "")
        .replaceAll("\\(.*?\\)", "").replaceAll("\\[[a-z-]+:", "");
  }
}
