#include "mpi/nodes.h"

#include "mpi/agree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The largest host file, which is sent to all ranks. */
enum { HOSTS_MAX = 1 << 24 };

/* ---------------------------------------------------------------- nodes */

static void find_node(struct nodes *nodes, MPI_Comm comm)
{
    MPI_Comm shared;
    (void)MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, nodes->rank, MPI_INFO_NULL, &shared);
    int place;
    (void)MPI_Comm_rank(shared, &place);
    (void)MPI_Comm_size(shared, &nodes->node_ranks);
    const uint32_t leads = place == 0;
    uint32_t before = 0;
    (void)MPI_Exscan(&leads, &before, 1, MPI_UINT32_T, MPI_SUM, comm);
    nodes->node = nodes->rank == 0 ? 0 : before; /* Exscan sets nothing on rank 0 */
    (void)MPI_Bcast(&nodes->node, 1, MPI_UINT32_T, 0, shared);
    (void)MPI_Allreduce(&leads, &nodes->nodes, 1, MPI_UINT32_T, MPI_SUM, comm);
    (void)MPI_Comm_free(&shared);
}

/* ---------------------------------------------------------------- the host file */

/* Rank 0 reads it. */
static int read_hosts(const char *path, char **ret_text, int *ret_size, ikv_error *err)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        const int code = -errno;
        return ikv_mpi_fail(err, code, path, "%s", ikv_strerror(code));
    }
    char *text = malloc(HOSTS_MAX + 1);
    if (text == NULL) {
        (void)fclose(file);
        return ikv_mpi_no_memory(err);
    }
    const size_t size = fread(text, 1, HOSTS_MAX + 1, file);
    int code = 0;
    if (ferror(file))
        code = ikv_mpi_fail(err, -EIO, path, "read error");
    else if (size > HOSTS_MAX)
        code = ikv_mpi_fail(err, IKV_E_INVALID, path, "more than 16 MiB");
    (void)fclose(file);
    if (code != 0) {
        free(text);
        return code;
    }
    text[size] = '\0';
    *ret_text = text;
    *ret_size = (int)size;
    return 0;
}

/* "node7" in the file also means node7.example.org, and the reverse. */
static int same_host(const char *a, const char *b)
{
    if (strcmp(a, b) == 0)
        return 1;
    const size_t a_length = strcspn(a, "."), b_length = strcspn(b, ".");
    return (a[a_length] == '\0' || b[b_length] == '\0') && a_length == b_length &&
           memcmp(a, b, a_length) == 0;
}

/* Split a line at blanks: the first two words, and whether there are more. */
static size_t split_line(char *line, char *words[2])
{
    size_t count = 0;
    line[strcspn(line, "#")] = '\0';
    for (;;) {
        line += strspn(line, " \t\r");
        if (*line == '\0')
            return count;
        if (count < 2)
            words[count] = line;
        count++;
        line += strcspn(line, " \t\r");
        if (*line != '\0')
            *line++ = '\0';
    }
}

/* Parse lines "HOST CAPACITY"; # begins a comment. */
static int find_capacity(const char *path, char *text, const char *host, double *ret_capacity,
                         ikv_error *err)
{
    size_t number = 0;
    *ret_capacity = 0;
    for (char *line = text; *line != '\0';) {
        char *end = line + strcspn(line, "\n"), *rest = *end ? end + 1 : end, *words[2];
        *end = '\0';
        number++;
        const size_t count = split_line(line, words);
        line = rest;
        if (count == 0)
            continue;
        const double capacity = count == 2 ? strtod(words[1], &end) : -1;
        if (count != 2 || *end != '\0' || !(capacity >= 0) || capacity > 1e18)
            return ikv_mpi_fail(err, IKV_E_INVALID, path,
                                "line %zu: expected a host and its capacity", number);
        if (same_host(words[0], host))
            *ret_capacity = capacity;
    }
    return 0;
}

static int share_capacity(struct nodes *nodes, MPI_Comm comm, const char *hosts, ikv_error *err)
{
    char *text = NULL;
    int size = 0, code = 0;
    if (nodes->rank == 0)
        code = read_hosts(hosts, &text, &size, err);
    code = ikv_mpi_agree(comm, code, err);
    if (code != 0)
        return code;
    (void)MPI_Bcast(&size, 1, MPI_INT, 0, comm);
    if (nodes->rank != 0)
        text = malloc((size_t)size + 1);
    code = ikv_mpi_agree(comm, text == NULL ? ikv_mpi_no_memory(err) : 0, err);
    if (code == 0) {
        char host[MPI_MAX_PROCESSOR_NAME];
        int length;
        (void)MPI_Bcast(text, size + 1, MPI_BYTE, 0, comm);
        (void)MPI_Get_processor_name(host, &length);
        double mine = 0;
        code = find_capacity(hosts, text, host, &mine, err);
        mine /= nodes->node_ranks;
        code = ikv_mpi_agree(comm, code, err);
        (void)MPI_Allgather(&mine, 1, MPI_DOUBLE, nodes->capacity, 1, MPI_DOUBLE, comm);
    }
    free(text);
    return code;
}

int ikv_nodes_init(struct nodes *nodes, MPI_Comm comm, const char *hosts, ikv_error *err)
{
    *nodes = (struct nodes){0};
    (void)MPI_Comm_size(comm, &nodes->ranks);
    (void)MPI_Comm_rank(comm, &nodes->rank);
    find_node(nodes, comm);
    nodes->capacity = calloc((size_t)nodes->ranks, sizeof *nodes->capacity);
    int code = ikv_mpi_agree(comm, nodes->capacity == NULL ? ikv_mpi_no_memory(err) : 0, err);
    if (code != 0)
        return code;
    for (int i = 0; i < nodes->ranks; i++)
        nodes->capacity[i] = 1;
    if (hosts == NULL)
        return 0;
    code = share_capacity(nodes, comm, hosts, err);
    double total = 0;
    for (int i = 0; i < nodes->ranks; i++)
        total += nodes->capacity[i];
    if (code == 0 && !(total > 0))
        code = ikv_mpi_fail(err, IKV_E_INVALID, hosts, "no rank runs on a host with capacity");
    return code;
}

void ikv_nodes_free(struct nodes *nodes)
{
    free(nodes->capacity);
    *nodes = (struct nodes){0};
}

/* ---------------------------------------------------------------- placement */

/* The ranks with capacity, and where their shares of everything end, as parts of 1. */
struct shares {
    int *ranks;
    double *ends;
    int count;
};

static int shares_init(struct shares *shares, const struct nodes *nodes)
{
    *shares = (struct shares){.ranks = calloc((size_t)nodes->ranks, sizeof *shares->ranks),
                              .ends = calloc((size_t)nodes->ranks, sizeof *shares->ends)};
    if (shares->ranks == NULL || shares->ends == NULL)
        return -ENOMEM;
    double total = 0, sum = 0;
    for (int i = 0; i < nodes->ranks; i++)
        total += nodes->capacity[i];
    for (int i = 0; i < nodes->ranks; i++) {
        if (!(nodes->capacity[i] > 0))
            continue;
        sum += nodes->capacity[i];
        shares->ranks[shares->count] = i;
        shares->ends[shares->count++] = sum / total;
    }
    return 0;
}

/* The first element whose end is after `place`. */
static size_t find_end(const double *ends, size_t count, double place)
{
    size_t i = 0;
    while (i + 1 < count && place >= ends[i])
        i++;
    return i;
}

/* The share of each shard: the one that its middle is in, but each share gets a shard if there are
 * enough. */
static void place_shards(const struct shares *shares, const double *ends, size_t count,
                         size_t *share_of)
{
    const size_t ranks = (size_t)shares->count;
    for (size_t s = 0; s < count; s++) {
        const double begin = s > 0 ? ends[s - 1] : 0;
        size_t share = find_end(shares->ends, ranks, (begin + ends[s]) / 2);
        if (count >= ranks) {
            const size_t least = ranks > count - s ? ranks - (count - s) : 0;
            const size_t most = s > 0 ? share_of[s - 1] + 1 : 0;
            share = share < least ? least : share;
            share = share > most ? most : share;
        }
        share_of[s] = share;
    }
}

/* Count, or with `owners` list, the owners of each shard. `fill` has the next place of each. */
static void list_owners(const struct shares *shares, const double *ends, size_t count,
                        const size_t *share_of, size_t *fill, int *owners)
{
    for (size_t s = 0; s < count; s++) {
        if (owners != NULL)
            owners[fill[s]] = shares->ranks[share_of[s]];
        fill[s]++;
    }
    for (int i = 0; i < shares->count; i++) {
        size_t s = 0;
        while (s < count && share_of[s] != (size_t)i)
            s++;
        if (s < count || count == 0)
            continue; /* it has a shard */
        const double begin = i > 0 ? shares->ends[i - 1] : 0;
        s = find_end(ends, count, (begin + shares->ends[i]) / 2);
        if (owners != NULL)
            owners[fill[s]] = shares->ranks[i];
        fill[s]++;
    }
}

int ikv_placement_init(struct placement *placement, const uint64_t *sizes, size_t shards,
                       const struct nodes *nodes)
{
    struct shares shares;
    int code = shares_init(&shares, nodes);
    *placement = (struct placement){
        .shards = shards,
        .first = calloc(shards + 1, sizeof *placement->first),
        .owners = calloc(shards + (size_t)nodes->ranks, sizeof *placement->owners)};
    double *ends = calloc(shards + 1, sizeof *ends);
    size_t *share_of = calloc(shards + 1, sizeof *share_of),
           *fill = calloc(shards + 1, sizeof *fill);
    if (code != 0 || placement->first == NULL || placement->owners == NULL || ends == NULL ||
        share_of == NULL || fill == NULL) {
        code = -ENOMEM;
    } else {
        double total = 0, sum = 0;
        for (size_t s = 0; s < shards; s++)
            total += (double)sizes[s] + 1;
        for (size_t s = 0; s < shards; s++)
            ends[s] = (sum += (double)sizes[s] + 1) / total;
        place_shards(&shares, ends, shards, share_of);
        list_owners(&shares, ends, shards, share_of, fill, NULL);
        for (size_t s = 0; s < shards; s++) {
            placement->first[s + 1] = placement->first[s] + fill[s];
            fill[s] = placement->first[s];
        }
        list_owners(&shares, ends, shards, share_of, fill, placement->owners);
    }
    free(shares.ranks);
    free(shares.ends);
    free(ends);
    free(share_of);
    free(fill);
    return code;
}

void ikv_placement_free(struct placement *placement)
{
    free(placement->first);
    free(placement->owners);
    *placement = (struct placement){0};
}
