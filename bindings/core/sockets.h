/* The sockets of libcurl on the loop. libcurl lets go of a connection's socket at the end of each
 * transfer and asks for it again with the next; here it stays watched as long as the connection
 * lives, which spares two system calls a request. */
#ifndef ACI_SOCKETS_H
#define ACI_SOCKETS_H

typedef void aci_socket_ready(int fd, unsigned events);

/* A new socket for a connection, which aci_sockets_close closes: libcurl must be told to call it.
 * -1 and errno. */
int aci_sockets_open(int family, int type, int protocol);
int aci_sockets_close(int fd); /* as close(2) */

/* From now on on_ready gets these events of it. Of a socket that aci_sockets_open has not opened
 * too (the resolver's). 0 or -errno. */
int aci_sockets_watch(int fd, unsigned events, aci_socket_ready *on_ready);
void aci_sockets_leave(int fd); /* until it is watched again */

/* Gives the memory back. All are closed. */
void aci_sockets_free(void);

#endif
