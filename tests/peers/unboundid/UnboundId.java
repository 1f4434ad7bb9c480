import com.fasterxml.jackson.databind.node.TextNode;
import com.unboundid.scim2.client.ScimService;
import com.unboundid.scim2.common.Path;
import com.unboundid.scim2.common.exceptions.BadRequestException;
import com.unboundid.scim2.common.exceptions.ResourceConflictException;
import com.unboundid.scim2.common.exceptions.ResourceNotFoundException;
import com.unboundid.scim2.common.messages.ListResponse;
import com.unboundid.scim2.common.messages.SortOrder;
import com.unboundid.scim2.common.types.AttributeDefinition;
import com.unboundid.scim2.common.types.Email;
import com.unboundid.scim2.common.types.GroupResource;
import com.unboundid.scim2.common.types.Member;
import com.unboundid.scim2.common.types.Name;
import com.unboundid.scim2.common.types.SchemaResource;
import com.unboundid.scim2.common.types.UserResource;
import jakarta.ws.rs.client.Client;
import jakarta.ws.rs.client.ClientBuilder;
import jakarta.ws.rs.client.ClientRequestFilter;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.glassfish.jersey.apache.connector.ApacheConnectorProvider;
import org.glassfish.jersey.client.ClientConfig;
import org.glassfish.jersey.client.ClientProperties;
import org.glassfish.jersey.client.RequestEntityProcessing;

/** What UnboundID's client does with a service; its address and a token are two lines of input. */
public class UnboundId {
  static final String EXTENSION = "urn:ietf:params:scim:schemas:extension:genesys:2.0:Peer";
  static ScimService scim;

  interface Check {
    void run() throws Exception;
  }

  public static void main(String[] arguments) throws Exception {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    String address = input.readLine();
    String token = input.readLine();
    Client client = ClientBuilder.newClient(
        new ClientConfig().connectorProvider(new ApacheConnectorProvider())
            .property(ClientProperties.REQUEST_ENTITY_PROCESSING, RequestEntityProcessing.BUFFERED));
    client.register((ClientRequestFilter) request ->
        request.getHeaders().putSingle("Authorization", "Bearer " + token));
    scim = new ScimService(client.target(address));

    check("ServiceProviderConfig", () -> {
      expect(scim.getServiceProviderConfig().getPatch().isSupported());
      expect(scim.getServiceProviderConfig().getFilter().isSupported());
    });
    check("ResourceTypes", () -> {
      expect(scim.getResourceTypes().getTotalResults() >= 2);
      expect(scim.getResourceType("User").getEndpoint().toString().endsWith("/Users"));
    });
    check("Schemas", () -> {
      expect(scim.getSchemas().getTotalResults() >= 3);
      expect(scim.getSchema("urn:ietf:params:scim:schemas:core:2.0:User")
          .getAttributes().stream().anyMatch(found -> found.getName().equals("userName")));
    });
    check("Schemas after a POST without characteristics", () -> {
      SchemaResource posted = new SchemaResource(EXTENSION, "Peer", "Posted by a client",
          List.of(
              new AttributeDefinition.Builder()
                  .setName("desk").setType(AttributeDefinition.Type.STRING).build()));
      scim.create("Schemas", posted);
      AttributeDefinition read = scim.getSchema(EXTENSION).getAttributes().iterator().next();
      expect(read.getName().equals("desk"));
      expect(read.getMutability() == AttributeDefinition.Mutability.READ_WRITE);
      expect(scim.getSchemas().getResources().stream()
          .anyMatch(found -> EXTENSION.equals(found.getId())));
      refused(ResourceConflictException.class, () -> scim.create("Schemas", posted));
    });
    check("Schemas by a filter", () ->
        scim.searchRequest("Schemas").filter("name eq \"Peer\"").invoke(SchemaResource.class));
    check("Me", () -> scim.retrieve(ScimService.ME_URI, UserResource.class));
    check("User created and read", () -> {
      UserResource made = user();
      expect(made.getMeta().getLocation() != null);
      UserResource read = scim.retrieve("Users", made.getId(), UserResource.class);
      expect(read.getName().getFamilyName().equals("Baker"));
      expect(scim.retrieve(made).getUserName().equals(made.getUserName()));
    });
    check("User created twice", () -> {
      UserResource twin = new UserResource().setUserName(user().getUserName());
      refused(ResourceConflictException.class, () -> scim.create("Users", twin));
    });
    check("User with an extension", () -> {
      UserResource made = new UserResource().setUserName(name());
      made.setSchemaUrns("urn:ietf:params:scim:schemas:core:2.0:User", EXTENSION);
      made.replaceExtensionValue(Path.root(EXTENSION).attribute("desk"), TextNode.valueOf("D 7"));
      made = scim.create("Users", made);
      expect(made.getExtensionValues(Path.root(EXTENSION).attribute("desk")).get(0).asText().equals("D 7"));
      found(made, EXTENSION + ":desk eq \"D 7\"");
    });
    check("User unknown", () ->
        refused(ResourceNotFoundException.class,
            () -> scim.retrieve("Users", name(), UserResource.class)));
    check("User searched", () -> {
      UserResource made = user();
      String name = made.getUserName();
      for (String filter : List.of(
          "userName eq \"" + name + "\"",
          "userName sw \"" + name.substring(0, 20) + "\"",
          "userName eq \"" + name + "\" and active eq true",
          "userName eq \"" + name + "\" and not (active eq false)",
          "userName eq \"" + name + "\" and emails[type eq \"work\" and value ew \"com\"]",
          "urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"" + name + "\"",
          "id eq \"" + made.getId() + "\" and name.familyName pr")) {
        found(made, filter);
      }
      expect(users("userName eq \"" + name() + "\"").getTotalResults() == 0);
      refused(BadRequestException.class, () -> scim.searchRequest("Users")
          .filter("unheard eq \"x\"").invoke(UserResource.class));
    });
    check("User searched by POST", () -> {
      UserResource made = user();
      ListResponse<UserResource> answer = scim.searchRequest("Users")
          .filter("userName eq \"" + made.getUserName() + "\"").invokePost(UserResource.class);
      expect(answer.getTotalResults() == 1);
    });
    check("User paged and sorted", () -> {
      user();
      user();
      ListResponse<UserResource> page = scim.searchRequest("Users")
          .sort("userName", SortOrder.DESCENDING).page(1, 2).invoke(UserResource.class);
      expect(page.getItemsPerPage() == 2 && page.getStartIndex() == 1);
      expect(page.getTotalResults() > 2);
      expect(page.getResources().get(0).getUserName()
          .compareTo(page.getResources().get(1).getUserName()) > 0);
    });
    check("User with some attributes", () -> {
      UserResource read = scim.retrieveRequest("Users", user().getId())
          .attributes("emails").invoke(UserResource.class);
      expect(read.getUserName() == null && read.getEmails().size() == 1);
    });
    check("User patched", () -> {
      UserResource made = user();
      UserResource patched = scim.modifyRequest(made)
          .replaceValue("displayName", "B")
          .replaceValue("emails[type eq \"work\"].value", "other@example.com")
          .addValues("emails", new Email().setType("home").setValue("home@example.com"))
          .removeValues("name.givenName")
          .invoke();
      expect(patched.getDisplayName().equals("B"));
      expect(patched.getEmails().size() == 2);
      expect(patched.getEmails().get(0).getValue().equals("other@example.com"));
      expect(patched.getName().getGivenName() == null);
    });
    check("User patched at an unknown attribute", () -> {
      UserResource made = user();
      refused(BadRequestException.class,
          () -> scim.modifyRequest(made).replaceValue("unheard", "x").invoke());
    });
    check("User replaced", () -> {
      UserResource made = user();
      made.setDisplayName("C").setActive(false);
      scim.replace(made);
      UserResource read = scim.retrieve(made);
      expect(read.getDisplayName().equals("C") && !read.getActive());
    });
    check("User deleted", () -> {
      UserResource made = user();
      scim.delete(made);
      refused(ResourceNotFoundException.class, () -> scim.retrieve(made));
      refused(ResourceNotFoundException.class, () -> scim.delete("Users", made.getId()));
    });
    check("Group with members", () -> {
      UserResource member = user();
      GroupResource made = scim.create("Groups", new GroupResource().setDisplayName(name())
          .setMembers(List.of(new Member().setValue(member.getId()))));
      expect(made.getMembers().size() == 1);
      expect(scim.retrieve(member).getGroups().get(0).getValue().equals(made.getId()));
      GroupResource patched = scim.modifyRequest(made)
          .removeValues("members[value eq \"" + member.getId() + "\"]").invoke();
      expect(patched.getMembers() == null || patched.getMembers().isEmpty());
      expect(scim.search("Groups", "displayName eq \"" + made.getDisplayName() + "\"",
          GroupResource.class).getTotalResults() == 1);
      scim.delete(made);
      refused(ResourceNotFoundException.class, () -> scim.retrieve(made));
    });
  }

  static void check(String name, Check check) {
    String outcome;
    try {
      check.run();
      outcome = "as wanted";
    } catch (Exception | AssertionError raised) {
      StackTraceElement[] lines = raised.getStackTrace();
      outcome = String.valueOf(raised);
      for (StackTraceElement line : lines) {
        if (line.getClassName().startsWith("UnboundId")) {
          outcome += " at line " + line.getLineNumber();
        }
      }
    }
    System.out.println(name + "\t" + outcome.replaceAll("\\s+", " "));
  }

  static void expect(boolean holds) {
    if (!holds) {
      throw new AssertionError("it is otherwise");
    }
  }

  static void refused(Class<? extends Exception> wanted, Callable<?> call) throws Exception {
    try {
      call.call();
    } catch (Exception raised) {
      if (wanted.isInstance(raised)) {
        return;
      }
      throw raised;
    }
    throw new AssertionError("no " + wanted.getSimpleName());
  }

  static void refused(Class<? extends Exception> wanted, Check check) throws Exception {
    refused(wanted, () -> {
      check.run();
      return null;
    });
  }

  static String name() {
    return "u" + UUID.randomUUID();
  }

  static UserResource user() throws Exception {
    String name = name();
    return scim.create("Users", new UserResource().setUserName(name).setActive(true)
        .setName(new Name().setFamilyName("Baker").setGivenName("Ann"))
        .setEmails(new Email().setType("work").setValue(name + "@example.com")));
  }

  static ListResponse<UserResource> users(String filter) throws Exception {
    return scim.search("Users", filter, UserResource.class);
  }

  static void found(UserResource wanted, String filter) throws Exception {
    ListResponse<UserResource> answer = users(filter);
    if (answer.getTotalResults() != 1
        || !answer.getResources().get(0).getId().equals(wanted.getId())) {
      throw new AssertionError(filter + " finds " + answer.getTotalResults());
    }
  }
}
