# Count the results of `indexkv get --match floor` for addresses by country.
#
#   indexkv get ipv4.ikv --match floor --keys FILE --missing empty | awk -f join.awk
#
# A line has the address, the first address of the last range that starts at or before it, and the
# value of that range: its last address, a comma, its country. An address after that last address, or
# before all ranges, is counted as "--". Prints country, tab, count.

BEGIN { FS = "\t" }

# Each address is parsed once, since many lines have the same.
!($1 in country) {
    country[$1] = "--"
    comma = index($3, ",")
    if (comma > 0 && ordered($1) <= ordered(substr($3, 1, comma - 1)))
        country[$1] = substr($3, comma + 1)
}

{ count[country[$1]]++ }

END { for (name in count) print name "\t" count[name] }

# A text that compares like the address: IPv6 as 8 groups of 4 digits, IPv4 (decimal or dotted) as 10
# digits. The leading letter keeps awk from comparing numbers.
function ordered(text,    part, parts, front, i, result) {
    if (index(text, ":") == 0) {
        parts = split(text, part, ".")
        result = 0
        for (i = 1; i <= parts; i++)
            result = result * 256 + part[i]
        return sprintf("n%010.0f", result)
    }
    # The last two groups may be written as an IPv4 address.
    if (match(text, /[0-9]+\.[0-9.]+$/)) {
        split(substr(text, RSTART), part, ".")
        text = substr(text, 1, RSTART - 1) \
            sprintf("%x:%x", part[1] * 256 + part[2], part[3] * 256 + part[4])
    }
    # "::" stands for the missing groups, which are zero.
    front = index(text, "::")
    if (front > 0) {
        parts = split(front > 1 ? substr(text, 1, front - 1) : "", part, ":")
        result = groups(part, 1, parts)
        i = split(substr(text, front + 2), part, ":")
        return "n" result substr("00000000000000000000000000000000", 1, 4 * (8 - parts - i)) \
            groups(part, 1, i)
    }
    parts = split(text, part, ":")
    return "n" groups(part, 1, parts)
}

function groups(part, from, to,    i, result) {
    result = ""
    for (i = from; i <= to; i++)
        result = result substr("0000" tolower(part[i]), length(part[i]) + 1)
    return result
}
