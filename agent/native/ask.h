#ifndef WHP_ASK_H
#define WHP_ASK_H

/* Sends one line of standard input to the agent's socket at `path` and prints the line of its
   answer. Returns the exit status: 0, or 1 after an error message. */
int ask(const char *path);

/* Sends the command line `words` to the agent and prints its answer. Returns the exit status; -1:
   not a command for the agent, or no agent answers, so the engine must run it. */
int ask_words(int count, char **words);

#endif
