local json = require 'aci.json'
return json.decode('{"a":[1,2.5,"x\\n",{"b":null}],"c":{"d":[[]]}}')
