/* What is written for a key that is missing. */
#ifndef MISSING_MODE_H
#define MISSING_MODE_H

enum missing_mode { MISSING_SKIP, MISSING_EMPTY, MISSING_ERROR };

#endif
