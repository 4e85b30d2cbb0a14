#ifndef WHP_WATCH_H
#define WHP_WATCH_H

/* Asks the agent at the socket `path` twice a second whether it is there, and kills it when it has not
   answered within `seconds`. Ends when the agent does: 0, or 1 with errno when nobody listens. */
int watch_agent(const char *path, long seconds);

#endif
