"""Where compute runs: sessions of the engines, and the one function that carries out a task on any of them."""
