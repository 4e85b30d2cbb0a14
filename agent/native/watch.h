#ifndef WHP_WATCH_H
#define WHP_WATCH_H

/* Queries the agent at the socket `path` twice a second, and kills it if it neither answers nor
   works for `seconds`. Returns when the agent ends: 0, or 1 with errno if no process listens. */
int watch_agent(const char *path, long seconds);

#endif
