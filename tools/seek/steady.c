#include "seek/steady.h"

#include <math.h>

static const double range_max = 0.2, drift_max = 0.1;

bool steady_state(const double *samples, size_t count, struct steadiness *ret_steadiness)
{
    struct steadiness found = {0};
    bool known = count >= STEADY_ROUNDS;
    if (known) {
        const double *window = samples + count - STEADY_ROUNDS;
        const double last = (double)STEADY_ROUNDS - 1;
        double least = window[0], greatest = window[0], sum = 0, product = 0, squares = 0;
        for (size_t i = 0; i < STEADY_ROUNDS; i++) {
            const double x = (double)i - last / 2;
            least = fmin(least, window[i]);
            greatest = fmax(greatest, window[i]);
            sum += window[i];
            product += x * window[i];
            squares += x * x;
        }
        const double average = sum / (double)STEADY_ROUNDS;
        known = average > 0;
        if (known)
            found = (struct steadiness){.range = (greatest - least) / average,
                                        .drift = fabs(product / squares) * last / average};
    }
    if (ret_steadiness != NULL)
        *ret_steadiness = found;
    return known && found.range <= range_max && found.drift <= drift_max;
}
