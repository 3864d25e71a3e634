"""What every table is: columns, keys, partitions, rules and lineage; read by all other packages, and reading none of them."""
