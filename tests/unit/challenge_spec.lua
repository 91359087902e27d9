local http = require "aci.http"

local function schemes(header)
   local names = {}
   for _, challenge in ipairs(http.challenges(header)) do names[#names + 1] = challenge.scheme end
   return table.concat(names, " ")
end

describe("http.challenges", function()
   it("reads the example of RFC 9110, 11.6.1", function()
      local header = 'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""'
      assert.same({
         { scheme = "basic", parameters = { realm = "simple" } },
         { scheme = "newauth", parameters = { realm = "apps", type = "1", title = 'Login to "apps"' } },
      }, http.challenges(header))
   end)

   it("reads what Key Vault, Storage and a registry send", function()
      local vault = http.challenges('Bearer authorization="https://login.windows.net/T", '
         .. 'resource="https://vault.azure.net"')
      assert.same({ authorization = "https://login.windows.net/T", resource = "https://vault.azure.net" },
         vault[1].parameters)
      local storage = http.challenges("Bearer authorization_uri=https://login.microsoftonline.com/T/oauth2/authorize "
         .. "resource_id=https://storage.azure.com")
      assert.same({ authorization_uri = "https://login.microsoftonline.com/T/oauth2/authorize",
         resource_id = "https://storage.azure.com" }, storage[1].parameters)
      local registry = http.challenges 'Bearer realm="https://h/t",service="h",scope="repository:a:pull,push"'
      assert.equal("repository:a:pull,push", registry[1].parameters.scope)
   end)

   it("knows a scheme's one word, blanks, empty members and names in any case", function()
      assert.same({ { scheme = "negotiate", parameters = {} }, { scheme = "ntlm", parameters = {}, token = "TlRM==" },
         { scheme = "digest", parameters = { a = "b", c = "d" } } },
         http.challenges ",Negotiate , NTLM TlRM==,, DIGEST A = \"b\"\t, c=d")
   end)

   it("takes the first of a parameter that is said twice", function()
      assert.equal("x", http.challenges("Bearer realm=x, realm=y")[1].parameters.realm)
   end)

   it("ends where the header is no challenge any more", function()
      assert.same({}, http.challenges "")
      assert.same({}, http.challenges "realm=x")
      assert.same({}, http.challenges '"quoted"')
      assert.same({ { scheme = "bearer", parameters = {} } }, http.challenges 'Bearer realm="open')
      assert.equal("basic", schemes 'Basic realm="x", [Bearer]')
   end)

   it("takes time linear in the length of what a service sends", function()
      local begun = os.clock()
      for _, unit in ipairs { "a", "a=", "a ", " ", "a=\\", "=", ",a=\"" } do
         local hostile = unit:rep(1000 * 1000 // #unit)
         http.challenges("Bearer " .. hostile)
      end
      assert.is_true(os.clock() - begun < 5) -- the pattern that stood here took 100 s for the first tenth
   end)
end)
