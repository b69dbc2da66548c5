import java.io.*;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.*;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.*;

/** Prints, for each file, its name, the flavour that it claims, and whether veraPDF finds it so. */
public class Validate {
  public static void main(String[] args) throws Exception {
    VeraGreenfieldFoundryProvider.initialise();
    boolean good = true;
    for (String name : args) {
      try (PDFAParser parser = Foundries.defaultInstance().createParser(new FileInputStream(name))) {
        PDFAValidator validator = Foundries.defaultInstance().createValidator(parser.getFlavour(), false);
        ValidationResult result = validator.validate(parser);
        good &= result.isCompliant();
        System.out.println(name + "\t" + parser.getFlavour() + "\t" + result.isCompliant());
        for (TestAssertion each : result.getTestAssertions()) {
          System.out.println("\t" + each.getRuleId().getClause() + " " + each.getMessage());
        }
      }
    }
    System.exit(good ? 0 : 1);
  }
}
