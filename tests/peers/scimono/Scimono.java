import com.sap.scimono.SCIMApplication;
import com.sap.scimono.callback.resourcetype.DefaultResourceTypesCallback;
import com.sap.scimono.callback.resourcetype.ResourceTypesCallback;
import com.sap.scimono.callback.schemas.SchemasCallback;
import com.sap.scimono.callback.users.DefaultUsersCallback;
import com.sap.scimono.callback.users.UsersCallback;
import com.sap.scimono.entity.User;
import com.sap.scimono.entity.paging.PageInfo;
import com.sap.scimono.entity.paging.PagedResult;
import com.sap.scimono.entity.schema.Schema;
import com.sap.scimono.entity.schema.SchemaExtension;
import com.sap.scimono.exception.SCIMException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.stream.Collectors;
import javax.ws.rs.core.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;
import org.glassfish.jersey.server.ResourceConfig;
import org.glassfish.jersey.server.ServerProperties;
import org.glassfish.jersey.servlet.ServletContainer;

/** SAP's scimono on a free port of loopback, with schemas in memory; ends with its standard input. */
public class Scimono extends SCIMApplication {
  private final SchemasCallback schemas = new Kept();

  @Override
  public Map<String, Object> getProperties() {
    Map<String, Object> properties = new HashMap<>(super.getProperties());
    properties.put(ServerProperties.BV_SEND_ERROR_IN_RESPONSE, true);
    return properties;
  }

  @Override
  public SchemasCallback getSchemasCallback() {
    return schemas;
  }

  @Override
  public UsersCallback getUsersCallback() {
    return new NoUsers();
  }

  @Override
  public ResourceTypesCallback getResourceTypesCallback() {
    return new DefaultResourceTypesCallback() {
      @Override
      public List<SchemaExtension> getSchemaExtensions(String resourceType) {
        return schemas.getCustomSchemas().stream()
            .filter(schema -> resourceType.equals("User"))
            .map(schema -> new SchemaExtension(schema.getId(), false))
            .collect(Collectors.toList());
      }
    };
  }

  static class Kept implements SchemasCallback {
    private final Map<String, Schema> kept = new ConcurrentSkipListMap<>();

    @Override
    public Schema getCustomSchema(String id) {
      return kept.get(id);
    }

    @Override
    public void createCustomSchema(Schema schema) {
      if (kept.putIfAbsent(schema.getId(), schema) != null) {
        throw new SCIMException(
            SCIMException.Type.UNIQUENESS, "Schema exists already", Response.Status.CONFLICT);
      }
    }

    @Override
    public List<Schema> getCustomSchemas() {
      return new ArrayList<>(kept.values());
    }

    @Override
    public void deleteCustomSchema(String id) {
      kept.remove(id);
    }

    @Override
    public boolean isValidSchemaName(String name) {
      return name.substring(name.lastIndexOf(':') + 1).matches("[A-Za-z]\\w+");
    }
  }

  static class NoUsers extends DefaultUsersCallback {
    @Override
    public PagedResult<User> getUsers(PageInfo page, String filter) {
      return new PagedResult<>(0, List.of());
    }
  }

  public static void main(String[] arguments) throws Exception {
    ServletContextHandler context = new ServletContextHandler();
    ResourceConfig configuration = ResourceConfig.forApplication(new Scimono());
    context.addServlet(new ServletHolder(new ServletContainer(configuration)), "/scim/*");
    Server server = new Server(new InetSocketAddress("127.0.0.1", 0));
    server.setHandler(context);
    server.start();
    System.out.println(server.getURI().getPort());
    while (System.in.read() != -1) {}
    System.exit(0);
  }
}
