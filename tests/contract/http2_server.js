// Node's HTTP/2 server, a stranger to our client: says which version it was asked in, sends back what it
// gets, breaks off. Prints its port. node http2_server.js KEY CERTIFICATE h2|both
'use strict';
const fs = require('fs');
const http2 = require('http2');

const [key, cert, versions] = process.argv.slice(2);
const server = http2.createSecureServer({
  key: fs.readFileSync(key), cert: fs.readFileSync(cert), allowHTTP1: versions === 'both',
});

const sessions = new Set();
server.on('session', (session) => sessions.add(session));

server.on('request', (request, response) => {
  switch (request.url) {
    case '/version':
      return response.end(`${request.httpVersion} on connection ${sessions.size}`);
    case '/echo':
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      return request.pipe(response);
    case '/length':
      response.setHeader('x-length', request.headers['content-length'] || 'none');
      return request.on('data', () => {}).on('end', () => response.end());
    case '/long':
      response.setHeader('x-long', 'v'.repeat(9000));
      return response.end(String(request.headers['x-long'].length));
    case '/break':
      response.writeHead(200);
      response.write('some');
      return setTimeout(() => response.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR), 100);
    case '/goaway': // the connection ends after this answer
      response.end('bye');
      return request.stream.session.goaway();
    default:
      response.writeHead(404);
      return response.end();
  }
});

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
