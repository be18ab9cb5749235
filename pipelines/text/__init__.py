"""What every text kernel needs: Unicode tables, word and line splitting, hashing. No room, no Beam."""
